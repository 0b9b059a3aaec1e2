"""A generator simulates pendulums, a batch at a time and vectorised; a network learns their period."""

import argparse
import math

import torch
from torch import nn


def simulated(batch, points):
    while True:
        length = 0.2 + torch.rand(batch, 1)
        swing = 0.2 + torch.rand(batch, 1)
        time = torch.linspace(0, 8, points)
        angle = swing * torch.cos(time * torch.sqrt(9.81 / length)) + 0.05 * torch.randn(batch, points)
        yield angle[:, None], 2 * math.pi * torch.sqrt(length / 9.81)


class Period(nn.Module):
    def __init__(self, width):
        super().__init__()
        layers, before = [], 1
        for dilation in (1, 2, 4):
            layers += [nn.Conv1d(before, width, 5, padding=2 * dilation, dilation=dilation), nn.ReLU()]
            before = width
        self.body, self.head = nn.Sequential(*layers), nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.body(x).mean(2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the length of a record")
    parser.add_argument("--steps", type=int, default=120)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = Period(64)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step, (angle, period) in enumerate(simulated(32, max(32, int(256 * args.size))), 1):
        loss = nn.functional.mse_loss(model(angle), period)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step} loss {loss.item():.5f}", flush=True)
        if step >= args.steps:
            break


if __name__ == "__main__":
    main()
