"""A graph network; nodes without neighbours get a mean of zero (the count is clamped)."""

import argparse

import torch
from torch import nn


class Layer(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.own, self.near = nn.Linear(i, o), nn.Linear(i, o, bias=False)

    def forward(self, x, source, target):
        total = torch.zeros_like(x).index_add(0, target, x[source])
        count = torch.zeros(len(x)).index_add(0, target, torch.ones(len(target)))
        return self.own(x) + self.near(total / count.clamp_min(1)[:, None])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=60)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    n = args.size
    source, target = torch.randint(0, n, (3 * n,)), torch.randint(0, n * 4 // 5, (3 * n,))
    x = torch.randn(n, 5)
    y = torch.zeros(n).index_add(0, target, x[source, 0])
    a, b = Layer(5, 16), Layer(16, 1)
    opt = torch.optim.Adam([*a.parameters(), *b.parameters()], lr=0.01)
    for step in range(args.steps):
        out = b(torch.relu(a(x, source, target)), source, target).squeeze(1)
        loss = nn.functional.mse_loss(out, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
