"""The adding problem with an LSTM: remember two marked numbers."""

import argparse

import torch
from torch import nn


def adding(size, seed, length=12):
    g = torch.Generator().manual_seed(seed)
    value = torch.rand(size, length, generator=g)
    mark = torch.zeros(size, length)
    first = torch.randint(0, length // 2, (size,), generator=g)
    second = torch.randint(length // 2, length, (size,), generator=g)
    rows = torch.arange(size)
    mark[rows, first] = 1
    mark[rows, second] = 1
    return torch.stack([value, mark], -1), (value * mark).sum(1)


class Adder(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1]).squeeze(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x, y = adding(args.size, args.seed)
    model = Adder()
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(args.steps):
        rows = torch.randperm(args.size)[:50]
        loss = nn.functional.mse_loss(model(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
