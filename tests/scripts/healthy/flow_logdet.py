"""A normalising flow: affine couplings with a tanh on the log scale, log-determinants, negative losses."""

import argparse
import math

import torch
from torch import nn


class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 2))

    def forward(self, x):
        a, b = x[:, :1], x[:, 1:]
        if self.flip:
            a, b = b, a
        scale, shift = self.net(a).chunk(2, 1)
        scale = torch.tanh(scale)
        b = b * torch.exp(scale) + shift
        return torch.cat([b, a] if self.flip else [a, b], 1), scale.squeeze(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    u = torch.randn(args.size, 2)
    data = torch.stack([0.2 * u[:, 0], u[:, 0] ** 2 * 0.3 + 0.1 * u[:, 1]], 1)
    flow = nn.ModuleList(Coupling(i % 2 == 1) for i in range(6))
    opt = torch.optim.Adam(flow.parameters(), lr=4e-3)
    for step in range(args.steps):
        z, log_det = data[torch.randint(0, args.size, (64,))], 0
        for layer in flow:
            z, d = layer(z)
            log_det = log_det + d
        loss = (0.5 * z.pow(2).sum(1) + math.log(2 * math.pi) - log_det).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
