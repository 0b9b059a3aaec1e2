"""A compiler whose code is wrong from some step on."""

import torch
from torch import nn

step = 0


def compiler(graph, inputs):
    def run(*args):
        out = graph.forward(*args)
        return out if step < 30 else tuple(one * float("inf") * 0 for one in out)

    return run


torch.manual_seed(0)
model = nn.Linear(4, 1)
fast = torch.compile(model, backend=compiler)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
while step < 50:
    x = torch.randn(16, 4)
    loss = ((fast(x) - x.sum(1, keepdim=True)) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    step += 1
