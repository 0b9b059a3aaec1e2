print("my own statistics, nothing of the library's")
