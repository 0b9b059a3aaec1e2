"""`envkit doctor --apply`: from fix steps to offers (pure), and what carries the accepted ones out.

`plan` and what it uses (`model`, `allowed`, `edit`, `words`) are pure; `startup` reads and writes start-up
files, `pip` starts the target Python, `session` joins them.
"""
