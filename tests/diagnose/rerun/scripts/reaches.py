"""Does one thing outside of its working directory, and says it."""

import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

what, name = sys.argv[1:3]
if what == "connect":
    listening = socket.create_server(("127.0.0.1", 0))
    with socket.socket() as one:
        try:
            one.settimeout(0.01)
            one.connect((name, 9))
        except OSError:
            pass
    with socket.create_connection(listening.getsockname()):
        pass
elif what == "write":
    Path(name).write_text("results")
elif what == "temporary":
    Path(name).write_text("for a moment")
    Path(name).unlink()
elif what == "database":
    sqlite3.connect(name).execute("create table rows (x)")
elif what == "start":
    subprocess.run(name.split(), check=True, stdout=subprocess.DEVNULL)
print("ok")
