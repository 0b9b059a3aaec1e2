"""Print size, mean and deviation of each trained weight of every workload's model in this framework."""

import importlib
import json
import sys

sys.path.insert(0, sys.argv[1])
framework, scale = sys.argv[2:]
from _envkit_payload.workloads import shapes  # noqa: E402

found = {}
for name in shapes.SIZES:
    prefix = "torch" if framework == "torch" else "keras"
    module = importlib.import_module(f"_envkit_payload.workloads.{prefix}_{name}")
    if framework == "torch":
        model = module.build(shapes.size(name, scale))
        weights = [one.detach().numpy() for one in model.parameters() if one.requires_grad]
    else:
        model = module.build(shapes.size(name, scale), False)
        weights = [one.numpy() for one in model.trainable_weights]
    found[name] = sorted([int(one.size), float(one.mean()), float(one.std())] for one in weights)
print(json.dumps(found))
