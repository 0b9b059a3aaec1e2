"""Noisy shapes from a Dataset with a light transform; one worker on a machine with two processors."""

import argparse
import os

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Shapes(Dataset):
    def __init__(self, count, side, seed):
        g = torch.Generator().manual_seed(seed)
        self.kind = torch.randint(0, 3, (count,), generator=g)
        axis = torch.linspace(-1, 1, side)
        y, x = axis[:, None], axis[None]
        self.shapes = torch.stack([
            ((x**2 + y**2) < 0.4).float(),
            ((x.abs() < 0.5) & (y.abs() < 0.5)).float(),
            ((x - y).abs() < 0.3).float(),
        ])  # fmt: skip

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, index):
        kind = int(self.kind[index])
        image = torch.roll(self.shapes[kind], tuple(torch.randint(-8, 9, (2,)).tolist()), (0, 1))
        return (image + torch.randn_like(image))[None], kind


class Net(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, width, 5, stride=2), nn.Conv2d(width, 2 * width, 3)
        self.conv3, self.head = nn.Conv2d(2 * width, 2 * width, 3), nn.Linear(2 * width, 3)

    def forward(self, x):
        return self.head(F.relu(self.conv3(F.relu(self.conv2(F.relu(self.conv1(x)))))).amax((2, 3)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the pixels")
    parser.add_argument("--steps", type=int, default=90)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = Shapes(1600, max(24, int(48 * args.size**0.5)), args.seed)
    workers = max(1, min(4, len(os.sched_getaffinity(0)) - 1))
    loader = DataLoader(data, batch_size=32, shuffle=True, num_workers=workers, persistent_workers=True)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    step = 0
    while step < args.steps:
        for image, kind in loader:
            loss = F.cross_entropy(model(image), kind)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % 10 == 0:
                print(f"step {step} loss {loss.item():.4f}", flush=True)
            if step == args.steps:
                break


if __name__ == "__main__":
    main()
