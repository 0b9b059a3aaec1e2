"""How long `envkit doctor` takes where nvidia-smi, the Docker socket and a mount hang, and on the same
machine without them, in interleaved pairs.

    make bench-hangs
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pairs import Pair, machine, options, save, spread, wall

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.hang import hanging


def main() -> None:
    chosen = options(__doc__ or "").parse_args()
    doctor = [str(Path(sys.executable).with_name("envkit")), "doctor"]
    pairs = []
    with tempfile.TemporaryDirectory() as folder, hanging(Path(folder)) as broken:
        answer = subprocess.run(
            [*doctor, "--json"], env=broken.env, capture_output=True, text=True, check=False
        )
        found = json.loads(answer.stdout)["findings"]
        print("findings with hangs:", [f["key"] for f in found if f["outcome"] == "problem"])
        for number in range(chosen.pairs):
            pairs.append(Pair(ours=wall(doctor, broken.env), theirs=wall(doctor)))
            print(f"pair {number + 1}: {pairs[-1].ours:.2f} s hung, {pairs[-1].theirs:.2f} s not", flush=True)
    save(pairs, chosen.save)
    print(f"on {machine()}, {len(pairs)} pairs")
    print(f"all three hang, s : {spread([pair.ours for pair in pairs])}")
    print(f"nothing hangs, s  : {spread([pair.theirs for pair in pairs])}")


if __name__ == "__main__":
    main()
