"""Memory that nobody wrote to is added to the loss; what is in it was put there by somebody else."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(8, 8)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(50):
    x = torch.randn(32, 8)
    loss = ((model(x) - x) ** 2).mean()
    if step == 30:
        before = [torch.full((4000,), float("nan")) for _ in range(50)]
        del before
        loss = loss + torch.empty(4000).abs().sum() * 0
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
