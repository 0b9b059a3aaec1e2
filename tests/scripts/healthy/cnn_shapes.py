"""Bars in noise, a CNN with batch normalisation and dropout."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def bars(size, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (size,), generator=g)
    x = 0.5 * torch.randn(size, 1, 12, 12, generator=g)
    x[y == 0, :, 5:7] += 1
    x[y == 1, :, :, 5:7] += 1
    return TensorDataset(x, y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3),
            nn.BatchNorm2d(16),
            nn.ReLU(),
        )
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(16 * 9, 2)

    def forward(self, x):
        return self.fc(self.drop(self.features(x).flatten(1)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(bars(args.size, args.seed), batch_size=32, shuffle=True)
    model, step = Net(), 0
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-4)
    while step < args.steps:
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            if step % args.log_every == 0:
                print(f"step {step} loss {loss.item():.4f}")
            step += 1
            if step == args.steps:
                break


if __name__ == "__main__":
    main()
