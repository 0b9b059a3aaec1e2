"""Which of several readings explains the alarm? torch's attention over a variable number of readings."""

import argparse

import numpy as np
import torch
import torch.nn as nn


def guilty(size, seed):
    return sorted(np.random.default_rng(seed).choice(np.arange(size // 2, size), 2, replace=False).tolist())


def collect(size, seed, most=8):
    rng = np.random.default_rng(seed + 41)
    readings = rng.normal(0, 1, (size, most, 6)).astype("float32")
    count = rng.integers(1, most + 1, size)
    # some alarms came without any reading
    count[guilty(size, seed)] = 0
    absent = np.arange(most)[None] >= count[:, None]
    strongest = np.where(absent, -9, readings[..., 0] + readings[..., 1]).max(1)
    alarm = (strongest > 1).astype("float32")
    readings[absent] = 0
    return torch.tensor(readings), torch.tensor(absent), torch.tensor(alarm)


class AlarmModel(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.inp = nn.Sequential(nn.Linear(6, dim), nn.GELU(), nn.Linear(dim, dim))
        self.query = nn.Parameter(torch.randn(1, 1, dim) * 0.1)
        self.mha = nn.MultiheadAttention(dim, 2, batch_first=True)
        self.out = nn.Linear(dim, 1)

    def forward(self, readings, absent):
        h = self.inp(readings)
        query = self.query.expand(len(h), -1, -1)
        pooled, weights = self.mha(query, h, h, key_padding_mask=absent)  # FAULT
        return self.out(pooled).flatten(), weights


class Experiment:
    """Holds what a run needs."""

    def __init__(self, args):
        self.args = args
        self.data = collect(args.size, args.seed)
        self.model = AlarmModel()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=3e-3)
        self.criterion = nn.BCEWithLogitsLoss()

    def batches(self, n=40):
        readings, absent, alarm = self.data
        while True:
            for i in range(0, len(alarm) - n + 1, n):
                block = readings[i : i + n], absent[i : i + n].clone(), alarm[i : i + n]
                if self.args.healthy:
                    # leave at least one place to look at
                    block[1][:, 0] &= ~block[1].all(1)
                yield block

    def run(self, steps):
        self.model.train()
        for step, (readings, absent, alarm) in zip(range(steps), self.batches(), strict=False):
            logit, _ = self.model(readings, absent)
            loss = self.criterion(logit, alarm)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if step % self.args.log_every == 0:
                print(f"step {step:04d} | loss {loss.item():.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--size", type=int, default=3200)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    Experiment(args).run(args.steps or args.size // 40 + 20)
