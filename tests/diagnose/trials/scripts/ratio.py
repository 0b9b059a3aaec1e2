"""A feature that is constant in one batch, divided by its spread."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(40 * 16, 5)
y = x.sum(1)
x[25 * 16 : 26 * 16, 2] = 1.5
model = nn.Linear(5, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(60):
    i = step % 40 * 16
    part = x[i : i + 16]
    scaled = (part - part.mean(0)) / part.std(0)
    loss = nn.functional.mse_loss(model(scaled).squeeze(1), y[i : i + 16])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
