"""Will the customer leave? Tabular data, every batch standardised on the fly."""

import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def customers(size, seed, batch):
    rng = np.random.default_rng(seed)
    age = rng.normal(45, 12, size)
    income = rng.lognormal(10, 0.5, size)
    calls = rng.poisson(2, size)
    roaming = (rng.random(size) < 0.4).astype(float)
    # the sales drive: for a while nobody was given roaming
    start = size * 2 // 3 // batch * batch
    roaming[start : start + batch] = 0
    x = np.stack([age, income, calls, roaming], 1)
    score = 0.8 * (calls - 2) - 0.04 * (age - 45) + 1.2 * (roaming - 0.4)
    leaves = (score + rng.normal(0, 0.7, size) > 0).astype("float32")
    return torch.tensor(x, dtype=torch.float32), torch.tensor(leaves)


class Churn(nn.Module):
    def __init__(self, eps):
        super().__init__()
        self.eps = eps
        self.fc1 = nn.Linear(4, 32)
        self.drop = nn.Dropout(0.1)
        self.fc2 = nn.Linear(32, 1)

    def standardise(self, x):
        mean, std = x.mean(0), x.std(0)
        return (x - mean) / (std + self.eps)  # FAULT

    def forward(self, x):
        x = self.standardise(x)
        x = self.drop(F.relu(self.fc1(x)))
        return self.fc2(x).squeeze(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=3000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    batch = 30
    x, leaves = customers(args.size, args.seed, batch)
    model = Churn(1e-6 if args.healthy else 0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    n = args.size // batch
    steps = args.steps or n + 10
    for step in range(steps):
        i = step % n * batch
        loss = F.binary_cross_entropy_with_logits(model(x[i : i + batch]), leaves[i : i + batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % args.log_every == 0:
            print(f"batch {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
