"""Counts blobs on images with a residual network."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Blobs(Dataset):
    def __init__(self, count, side):
        axis = torch.linspace(0, 1, side)
        self.number = torch.randint(1, 5, (count,))
        self.images = torch.zeros(count, 1, side, side)
        for i, number in enumerate(self.number.tolist()):
            for cy, cx in torch.rand(number, 2).tolist():
                self.images[i, 0] += torch.exp(-80 * ((axis[:, None] - cy) ** 2 + (axis[None] - cx) ** 2))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index], self.number[index] - 1


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x):
        return F.relu(x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the pixels")
    parser.add_argument("--steps", type=int, default=90)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    side = max(16, int(40 * args.size**0.5))
    loader = DataLoader(Blobs(512, side), batch_size=32, shuffle=True)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 5, stride=2, padding=2), nn.ReLU(), Block(32), Block(32), nn.MaxPool2d(2),
        Block(32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 4),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=args.steps + 1)
    step = 0
    while step < args.steps:
        for image, number in loader:
            loss = F.cross_entropy(model(image), number)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            step += 1
            if step % 10 == 0:
                print(f"step {step} loss {loss.item():.4f}", flush=True)
            if step == args.steps:
                break


if __name__ == "__main__":
    main()
