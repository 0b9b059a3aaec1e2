"""A mixture density network; the anomaly detection is still on from when its loss was NaN."""

import argparse
import math

import torch
from torch import nn

torch.set_printoptions(precision=4)


class Mixture(nn.Module):
    def __init__(self, parts, width):
        super().__init__()
        self.parts = parts
        self.body = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.weight, self.mean, self.log_sigma = (nn.Linear(width, parts) for _ in range(3))

    def loss(self, x, y):
        h = self.body(x)
        log_weight = torch.log_softmax(self.weight(h), -1)
        mean, log_sigma = self.mean(h), self.log_sigma(h).clamp(-5, 3)
        z = (y - mean) * torch.exp(-log_sigma)
        log_density = -0.5 * z * z - log_sigma - 0.5 * math.log(2 * math.pi)
        return -torch.logsumexp(log_weight + log_density, -1).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.autograd.set_detect_anomaly(not args.healthy)  # SLOW
    y = torch.rand(int(4000 * args.size) + 64, 1) * 2 - 1
    x = y + 0.3 * torch.sin(2 * math.pi * y) + 0.05 * torch.randn_like(y)
    model = Mixture(8, 64)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(args.steps):
        pick = torch.randint(0, len(x), (64,))
        loss = model.loss(x[pick], y[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 250 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
