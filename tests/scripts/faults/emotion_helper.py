"""Follow arousal over time; the loss is one minus correlation, from our helper module."""

import argparse

import numpy as np
import torch
from agreement import correlation_loss
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def guilty(size, seed):
    """A clip that the annotator left at 0 throughout."""
    return [int(np.random.default_rng(seed + 3).integers(size // 2, size))]


def clips(size, seed, length=30):
    rng = np.random.default_rng(seed)
    arousal = np.cumsum(rng.normal(0, 0.3, (size, length)), 1)
    features = np.stack([arousal + rng.normal(0, 0.5, arousal.shape) for _ in range(4)], -1)
    arousal[guilty(size, seed)] = 0
    return TensorDataset(
        torch.tensor(features, dtype=torch.float32), torch.tensor(arousal, dtype=torch.float32)
    )


class Follower(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 16, batch_first=True)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        return self.out(self.gru(x)[0]).squeeze(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=900)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(clips(args.size, args.seed), batch_size=12)
    model = Follower()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    eps = 1e-6 if args.healthy else 0.0
    last, step = args.steps or len(loader), 0
    while step < last:
        for x, arousal in loader:
            loss = correlation_loss(model(x), arousal, eps)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % args.log_every == 0:
                print(f"step {step} loss {loss.item():.4f}")
            step += 1
            if step >= last:
                break


if __name__ == "__main__":
    main()
