"""No framework: random numbers of all kinds, files of all kinds; prints what it drew and what it found."""

import os
import random
import sys
from pathlib import Path

import numpy as np

here = Path(__file__).resolve().parent
drawn = [
    random.random(),
    random.Random().random(),
    float(np.random.rand()),
    float(np.random.default_rng().random()),
    float(np.random.RandomState().rand()),
    float(np.random.default_rng().random()),
]
random.seed()
np.random.seed()
drawn += [random.random(), float(np.random.rand()), sorted("abcdef", key=hash)]
Path(sys.argv[1]).write_text(repr(drawn))
print("data", Path("../shared/data.txt").read_text(), Path("own.txt").read_text())
print("resumed" if os.path.exists("out/last.txt") else "fresh")
os.makedirs("out", exist_ok=True)
Path("out/last.txt").write_text("new")
(here / "whole.txt").write_text("new")
os.replace(here / "whole.txt", here / "out" / "moved.txt")
assert (here / "out" / "moved.txt").read_text() == "new"
with open("log.txt", "a") as log:
    log.write("one more line\n")
print("entries", sorted(os.listdir("out")), sorted(os.listdir(here / "out")))
