"""A small training with changes made from outside: prints what became of it, and how often each was made."""

import json
import sys

import torch

sys.path.insert(0, sys.argv[1])
from _envkit_payload.interventions import speed_torch

counts = {}


class Applied:
    scale = 1.0

    def __call__(self, name, count=1):
        counts[name] = counts.get(name, 0) + count

    def scaled(self, factor):
        self.scale = factor


applied = Applied()
for one in sys.argv[2:]:
    name, _, value = one.partition("=")
    speed_torch.TORCH[name](torch, applied, value)

torch.set_default_dtype(torch.float64)
torch.autograd.set_detect_anomaly(True)
torch.use_deterministic_algorithms(True)
torch.set_num_threads(1)
net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 5)).double()
x, y = torch.rand(64, 3, 8, 8), torch.randint(0, 5, (64,))
data = torch.utils.data.TensorDataset(x, y)
loader = torch.utils.data.DataLoader(data, batch_size=8, timeout=0)
optimizer = torch.optim.Adam(net.parameters())
for inputs, labels in loader:
    out = net(inputs)
    optimizer.zero_grad(set_to_none=False)
    torch.nn.functional.cross_entropy(out, labels).backward()
    optimizer.step()
print(
    json.dumps(
        {
            "counts": counts,
            "scale": applied.scale,
            "dtype": str(out.dtype),
            "workers": loader.num_workers,
            "batch": loader.batch_size,
            "threads": torch.get_num_threads(),
            "foreach": optimizer.param_groups[0]["foreach"],
            "fused": optimizer.param_groups[0]["fused"],
            "anomaly": torch.is_anomaly_enabled(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "channels": net[0].weight.is_contiguous(memory_format=torch.channels_last),
        }
    )
)
