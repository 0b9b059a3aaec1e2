"""Count model: the rate of accidents is exp(linear), with exposure among the covariates."""

import argparse

import numpy as np
import torch


def guilty(size, seed):
    # a fleet in place of a driver: exposure is far larger, and true
    return [size * 3 // 5 + seed % 70]


def policies(size, seed):
    rng = np.random.default_rng(seed)
    age = rng.normal(0, 1, size)
    power = rng.normal(0, 1, size)
    exposure = rng.uniform(0.5, 2.0, size)
    count = rng.poisson(np.exp(0.3 * age - 0.2 * power + 1.2 * exposure - 1.0))
    fleet = guilty(size, seed)
    exposure[fleet] = 900.0
    count[fleet] = 7000
    x = np.stack([age, power, exposure], 1)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(count, dtype=torch.float32)


class Rate(torch.nn.Module):
    def __init__(self, log_scale):
        super().__init__()
        self.linear = torch.nn.Linear(3, 1)
        self.log_scale = log_scale

    def forward(self, x):
        z = self.linear(x).squeeze(1)
        if self.log_scale:
            z = z.clamp(max=8.0)
        return torch.exp(z)  # FAULT


def deviance(rate, count):
    return (rate - count * torch.log(rate.clamp_min(1e-6))).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x, count = policies(args.size, args.seed)
    model = Rate(args.healthy)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.04)
    n = args.size // 15
    for step in range(args.steps or n):
        rows = slice(step % n * 15, step % n * 15 + 15)
        loss = deviance(model(x[rows]), count[rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
