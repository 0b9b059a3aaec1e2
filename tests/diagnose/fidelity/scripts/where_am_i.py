"""What a script sees of itself."""

import os
import sys
import threading

print(__name__, os.path.basename(__file__), sys.argv[1:], os.getcwd())
print(sys.path)
print(
    sys.flags, sys.warnoptions, sys.gettrace(), sys.getrecursionlimit(), sys.excepthook is sys.__excepthook__
)
print({name: value for name, value in sorted(os.environ.items()) if name not in ("_", "OLDPWD")})
print([type(finder).__name__ for finder in sys.meta_path][-3:], sorted(sys.path_importer_cache))
with open(os.devnull) as file:
    print(file.fileno(), sys.stdin.isatty(), sys.stdout.encoding, threading.active_count())
print("to stderr", file=sys.stderr)
