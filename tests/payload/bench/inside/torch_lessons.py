"""Losses of the lessons of one workload for several seeds; prints {data: [[demanded, first, last], ...]}."""

import json
import statistics
import sys

sys.path.insert(0, sys.argv[1])
import torch  # noqa: F401
from _envkit_payload import bench, bench_torch
from _envkit_payload.workloads import data

name, precision, seeds = sys.argv[2], sys.argv[3], int(sys.argv[4])
found: dict = {}
for seed in range(seeds):
    job = dict(bench.DEFAULTS, device="cpu", precision=precision, seed=seed)
    backend = bench_torch.Backend(job, bench.World({}))
    for lesson in data.lessons(name, seed):
        losses = backend.learn(lesson)
        row = [lesson.demanded, losses[0], statistics.fmean(losses[-lesson.mean :])]
        found.setdefault(lesson.data, []).append(row)
print(json.dumps(found))
