"""Children of every kind."""

import multiprocessing
import os
import subprocess
import sys


def square(value):
    return value * value, multiprocessing.current_process().name.split("-")[0], "torch" in sys.modules


def main():
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(square, range(4)), flush=True)
    pid = os.fork()
    if pid == 0:
        print("the child", flush=True)
        sys.exit(3)
    print(os.waitpid(-1, 0)[1] >> 8)
    print(multiprocessing.active_children())
    code = "import os, sys; print(sys.argv, os.environ.get('PYTHONPATH'), os.environ.get('MORE'))"
    for env in (None, dict(os.environ, MORE="1"), {"PATH": os.environ["PATH"]}):
        sys.stdout.flush()
        subprocess.run([sys.executable, "-c", code, "a b"], env=env, check=True)
    os.environ["PYTHONPATH"] = os.path.join(os.getcwd(), "elsewhere")
    subprocess.run([sys.executable, "-c", code], check=True)
    try:
        subprocess.run(["./no-such-program"], check=False)
    except OSError:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-c", "import os; print('another program'); os._exit(9)"])


if __name__ == "__main__":
    main()
