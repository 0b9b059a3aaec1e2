"""`envkit doctor` beside `python -m torch.utils.collect_env`, on the same torch, in interleaved pairs.

make bench-doctor

Both run compiled, as after their second start: where Python may not keep what it compiles, envkit, which is a
checkout here, would be compiled anew at every start, and torch, which was installed, would not.
"""

from __future__ import annotations

import compileall
import os
import sys
from pathlib import Path

from pairs import machine, measure, options, save, spread, wall


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--python", required=True, help="an interpreter that has torch")
    chosen = parser.parse_args()
    doctor = [str(Path(sys.executable).with_name("envkit")), "doctor", "--python", chosen.python]
    collect_env = [chosen.python, "-m", "torch.utils.collect_env"]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(Path(__file__).parents[1] / "envkit", quiet=2)
    for command in (doctor, collect_env):
        wall(command)  # both start from a warm page cache
    pairs = measure(doctor, collect_env, chosen.pairs)
    save(pairs, chosen.save)
    print(f"on {machine()}, {len(pairs)} pairs")
    print(f"envkit doctor, s : {spread([pair.ours for pair in pairs])}")
    print(f"collect_env, s   : {spread([pair.theirs for pair in pairs])}")
    print(f"ratio            : {spread([pair.ours / pair.theirs for pair in pairs])}")


if __name__ == "__main__":
    main()
