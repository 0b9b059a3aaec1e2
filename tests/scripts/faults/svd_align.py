"""Learn point features whose best rotation (by SVD) aligns a scan with its reference."""

import argparse

import numpy as np
import torch
from torch import nn


def guilty(size, seed):
    """The scan in which no point was found; the reader fills it with zeros."""
    return [int(np.random.RandomState(seed).randint(size // 2, size))]


def random_rotations(n, rng):
    q, _ = np.linalg.qr(rng.randn(n, 3, 3))
    q[np.linalg.det(q) < 0, :, 0] *= -1
    return q


def scans(size, seed, points=10):
    rng = np.random.RandomState(seed + 99)
    reference = rng.randn(size, points, 3)
    rotation = random_rotations(size, rng)
    moved = reference @ rotation.transpose(0, 2, 1) + 0.3 * rng.randn(size, points, 3)
    for i in guilty(size, seed):
        moved[i] = 0
    return (torch.as_tensor(a, dtype=torch.float32) for a in (reference, moved, rotation))


class Weigher(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, a, b):
        return self.net(torch.cat([a, b], -1))


def procrustes(a, b, jitter):
    m = b.transpose(1, 2) @ a
    if jitter:
        m = m + torch.diag(torch.tensor([1e-2, 2e-2, 4e-2]))
    u, _s, vh = torch.linalg.svd(m)  # FAULT
    return u @ vh


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("--size", type=int, default=800)
    cli.add_argument("--seed", type=int, default=2)
    cli.add_argument("--steps", type=int, default=0)
    cli.add_argument("--log-every", type=int, default=5)
    cli.add_argument("--healthy", action="store_true")
    args = cli.parse_args()
    torch.manual_seed(args.seed)
    reference, moved, rotation = scans(args.size, args.seed)
    model = Weigher()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    batch = 10
    per_epoch = args.size // batch
    for step in range(args.steps or int(1.3 * per_epoch)):
        rows = slice((step % per_epoch) * batch, (step % per_epoch + 1) * batch)
        a, b, target = reference[rows], moved[rows], rotation[rows]
        weight = 1 + 0.5 * torch.tanh(model(a, b))
        estimate = procrustes(a, weight * b, args.healthy)
        loss = (estimate - target).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {float(loss):.5f}")


if __name__ == "__main__":
    main()
