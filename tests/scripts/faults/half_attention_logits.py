"""Attention over graph neighbours, scores in half precision and without the usual scaling."""

import argparse

import torch
from torch import nn


def guilty(size, seed):
    # a hub whose features are sums over thousands of neighbours
    return [size - 1 - (seed * 3 + 5) % (size // 3)]


def graphs(size, seed, nodes=12, features=16):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(size, nodes, features, generator=g)
    y = x[:, :, 0].max(1).values + 0.5 * x[:, :, 1].mean(1)
    x[guilty(size, seed)] *= 300
    return x, y


class NeighbourAttention(nn.Module):
    def __init__(self, features, dim, island):
        super().__init__()
        self.query = nn.Linear(features, dim)
        self.key = nn.Linear(features, dim)
        self.value = nn.Linear(features, dim)
        self.island = island

    def scores(self, q, k):
        if self.island:
            with torch.autocast("cpu", enabled=False):
                return q.float() @ k.float().transpose(1, 2)
        return q @ k.transpose(1, 2)  # FAULT

    def forward(self, x):
        q, k, v = self.query(x), self.key(x), self.value(x)
        attention = torch.softmax(self.scores(q, k).float(), dim=-1)
        return attention.to(v.dtype) @ v


class GraphRegressor(nn.Module):
    def __init__(self, island):
        super().__init__()
        self.attention = NeighbourAttention(16, 48, island)
        self.readout = nn.Sequential(nn.LayerNorm(48), nn.Linear(48, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.readout(self.attention(x).mean(1)).squeeze(-1)


def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args(argv)
    torch.manual_seed(args.seed)
    x, y = graphs(args.size, args.seed)
    model = GraphRegressor(args.healthy)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    batch = 20
    count = args.size // batch
    for step in range(args.steps or int(1.4 * count)):
        i = step % count
        with torch.autocast("cpu", dtype=torch.float16):
            prediction = model(x[i * batch : (i + 1) * batch])
        loss = nn.functional.huber_loss(prediction.float(), y[i * batch : (i + 1) * batch])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
