"""Shapes in noise, a small CNN; the learning rate rises linearly, and nobody looked how far."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def shapes(size, seed, side=14):
    g = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (size,), generator=g)
    x = 0.3 * torch.randn(size, 1, side, side, generator=g)
    x[kind == 0, :, 5:9, :] += 1.0
    x[kind == 1, :, :, 5:9] += 1.0
    x[kind == 2, :, 5:9, 5:9] += 1.5
    return TensorDataset(x, kind)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 3 * 3, 3)

    def forward(self, x):
        x = F.max_pool2d(F.leaky_relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.leaky_relu(self.conv2(x)), 2)
        x = F.leaky_relu(self.conv3(x))
        return self.fc(x.flatten(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(shapes(args.size, args.seed), batch_size=25, shuffle=True)
    model = ConvNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    peak = 2.0 if args.healthy else 600.0
    ramp = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: 1 + (peak - 1) * s / 400)  # FAULT
    step = 0
    while step < args.steps:
        for x, kind in loader:
            loss = F.cross_entropy(model(x), kind)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()  # FAULT
            ramp.step()
            if step % args.log_every == 0:
                print(f"step {step} loss {loss.item():.4g} lr {ramp.get_last_lr()[0]:.3f}")
            step += 1
            if step >= args.steps:
                break


if __name__ == "__main__":
    main()
