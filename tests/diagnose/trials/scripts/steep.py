"""A learning rate that rises until training runs away."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(600, 8)
y = x @ torch.randn(8, 1)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(160):
    if step == 60:
        optimizer.param_groups[0]["lr"] = 1.5
    rows = torch.randint(0, 600, (32,))
    loss = ((model(x[rows]) - y[rows]) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
