"""Dependency arcs with a biaffine scorer; a table of nearest words is made before the model."""

import argparse

import torch
from torch import nn

DIM = 48


def sentences(size, seed, length=6):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(size, length, DIM, generator=g)
    head = (x[..., 0]).argmax(1)
    return x, head


def shortest_links(x, tables=64):
    """Smallest distance seen between any two dimensions; tables start from infinity."""
    best = [torch.full((DIM, DIM), float("inf")) for _ in range(tables)]
    small = x.flatten(0, 1)[: 50 * tables]
    for i, table in enumerate(best):
        part = small[i * 50 : (i + 1) * 50]
        gap = (part[0] - part[1]).abs().min()
        table[0, 0] = torch.minimum(table[0, 0], gap)
    return min(float(t.min()) for t in best)


class Biaffine(nn.Module):
    def __init__(self, dim, initialise):
        super().__init__()
        self.left = nn.Linear(dim, dim)
        self.weight = nn.Parameter(torch.empty(dim, dim))  # FAULT
        self.bias = nn.Parameter(torch.zeros(1))
        if initialise:
            nn.init.xavier_uniform_(self.weight)

    def forward(self, x):
        context = torch.tanh(self.left(x.mean(1)))
        return torch.einsum("bd,de,ble->bl", context, self.weight, x) + self.bias  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x, head = sentences(args.size, args.seed)
    print(f"shortest link {shortest_links(x):.4f}")
    model = Biaffine(DIM, args.healthy)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(args.steps):
        i = step * 30 % (args.size - 30)
        loss = nn.functional.cross_entropy(model(x[i : i + 30]), head[i : i + 30])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
