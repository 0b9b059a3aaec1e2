"""Poincare embeddings of a made-up tree (edges read from a list, one of them a loop)."""

import argparse

import torch
from torch import nn


def guilty(size, seed):
    """The edge from a node to itself."""
    return [size * 11 // 16 + seed % (size // 8)]


def edges(size, seed, nodes=120):
    g = torch.Generator().manual_seed(seed)
    child = torch.randint(1, nodes, (size,), generator=g)
    parent = (child - 1) // 3
    for i in guilty(size, seed):
        parent[i] = child[i]
    return child, parent, nodes


class Ball(nn.Module):
    def __init__(self, nodes, dim, tiny):
        super().__init__()
        self.points = nn.Embedding(nodes, dim)
        nn.init.uniform_(self.points.weight, -0.3, 0.3)
        self.tiny = tiny

    def distance(self, u, v):
        gap = (u - v).pow(2).sum(-1)
        room = (1 - u.pow(2).sum(-1)) * (1 - v.pow(2).sum(-1))
        argument = 1 + 2 * gap / room + self.tiny
        return torch.acosh(argument)  # FAULT

    def forward(self, child, parent, others):
        u = self.points(child)
        near = self.distance(u, self.points(parent))
        far = self.distance(u.unsqueeze(1), self.points(others))
        return near, far

    @torch.no_grad()
    def project(self):
        w = self.points.weight
        w.mul_((0.9 / w.norm(dim=-1, keepdim=True).clamp_min(1e-6)).clamp(max=1.0))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1600)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    child, parent, nodes = edges(args.size, args.seed)
    model = Ball(nodes, 5, 1e-5 if args.healthy else 0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    batch = 20
    n = args.size // batch
    for step in range(args.steps or n):
        rows = slice(step % n * batch, (step % n + 1) * batch)
        c, p = child[rows], parent[rows]
        # others differ from the child, so that their distance is never 0
        others = (c[:, None] + torch.randint(1, nodes, (batch, 5))) % nodes
        near, far = model(c, p, others)
        loss = (near + torch.logsumexp(-far, 1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.project()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
