"""Metric learning on made-up gene profiles: pairs that belong together should lie close."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    """The triplet whose anchor and positive are the same measurement, entered twice."""
    rng = np.random.default_rng(seed + 17)
    return [int(rng.integers(size * 6 // 10, size))]


class Triplets(Dataset):
    def __init__(self, size, seed):
        rng = np.random.default_rng(seed)
        centres = rng.normal(0, 1, (12, 20))
        which = rng.integers(0, 12, size)
        other = (which + rng.integers(1, 12, size)) % 12
        self.anchor = (centres[which] + rng.normal(0, 0.3, (size, 20))).astype(np.float32)
        self.positive = (centres[which] + rng.normal(0, 0.3, (size, 20))).astype(np.float32)
        self.negative = (centres[other] + rng.normal(0, 0.3, (size, 20))).astype(np.float32)
        for row in guilty(size, seed):
            self.positive[row] = self.anchor[row]

    def __len__(self):
        return len(self.anchor)

    def __getitem__(self, i):
        return self.anchor[i], self.positive[i], self.negative[i]


class Embed(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, dim))

    def forward(self, x):
        return self.body(x)


def distance(a, b, healthy):
    squared = (a - b).pow(2).sum(dim=-1)
    if healthy:
        return torch.sqrt(squared + 1e-9)
    return torch.sqrt(squared)  # FAULT


def triplet_loss(a, p, n, margin=1.0, healthy=False):
    pull = distance(a, p, healthy)
    push = distance(a, n, healthy)
    return torch.relu(pull - push + margin).mean() + 0.01 * pull.mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--healthy", action="store_true")
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    loader = DataLoader(Triplets(args.size, args.seed), batch_size=25)
    net = Embed()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    steps = args.steps or int(1.5 * len(loader))
    step = 0
    while step < steps:
        for anchor, positive, negative in loader:
            optimizer.zero_grad()
            loss = triplet_loss(net(anchor), net(positive), net(negative), healthy=args.healthy)
            loss.backward()
            optimizer.step()
            step += 1
            if step % args.log_every == 0:
                print(f"step {step} loss {loss.item():.4f}")
            if step >= steps:
                break


if __name__ == "__main__":
    main()
