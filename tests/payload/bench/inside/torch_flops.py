"""The closed forms beside what torch counts, on tensors without memory; prints {workload: {scale: [...]}}."""

import importlib
import json
import sys

sys.path.insert(0, sys.argv[1])
import torch
from _envkit_payload.workloads import flops, shapes
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

BATCH = 2


def counted(name: str, size: dict) -> tuple[int, int]:
    """(FLOPs of one forward and backward, parameters that are trained)."""
    script = importlib.import_module("_envkit_payload.workloads.torch_" + name)
    with torch.device("meta"):
        model = script.build(size)
        inputs, targets = (make(size, BATCH, "meta") for make in (script.inputs, script.targets))
    # Fused kernels compute the scores a second time in the backward; the closed form does not count that.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        script.loss(model, inputs, targets).backward()
    return counter.get_total_flops(), sum(one.numel() for one in model.parameters() if one.requires_grad)


found: dict = {}
for name in flops.FORMULAS:
    for scale in shapes.SIZES[name]:
        size = shapes.size(name, scale)
        total, parameters = counted(name, size)
        found.setdefault(name, {})[scale] = [flops.step(name, size, BATCH), total, parameters]
print(json.dumps(found))
