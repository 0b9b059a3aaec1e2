"""Textures in four classes; each image is turned, cropped and coloured anew every time it is read."""

import argparse
import math

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Textures(Dataset):
    def __init__(self, count, side, seed):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 4, count)
        rows, columns = np.mgrid[0:side, 0:side] / side
        waves = [np.sin(2 * math.pi * (3 + 2 * k) * (rows + k * columns)) for k in range(4)]
        self.images = np.stack([waves[k] for k in self.labels]).astype(np.float32)
        self.images += 0.3 * rng.standard_normal(self.images.shape, dtype=np.float32)
        self.side = side

    def __len__(self):
        return len(self.labels)

    def turn(self, image, angle):
        half = (self.side - 1) / 2
        y, x = np.mgrid[0 : self.side, 0 : self.side] - half
        source_y = np.clip(np.cos(angle) * y - np.sin(angle) * x + half, 0, self.side - 1.001)
        source_x = np.clip(np.sin(angle) * y + np.cos(angle) * x + half, 0, self.side - 1.001)
        top, left = source_y.astype(int), source_x.astype(int)
        down, right = source_y - top, source_x - left
        upper = image[top, left] * (1 - right) + image[top, left + 1] * right
        lower = image[top + 1, left] * (1 - right) + image[top + 1, left + 1] * right
        return upper * (1 - down) + lower * down

    def __getitem__(self, index):
        rng = np.random.default_rng(np.random.randint(1 << 30))
        image = self.turn(self.images[index], rng.uniform(-0.3, 0.3))  # SLOW
        if rng.random() < 0.5:
            image = image[:, ::-1]
        image = (image - image.mean()) / (image.std() + 1e-6)
        image = image * rng.uniform(0.8, 1.2) + 0.05 * rng.standard_normal(image.shape)
        return torch.from_numpy(np.ascontiguousarray(image[None], dtype=np.float32)), int(self.labels[index])


def network():
    layers, width = [], 1
    for out in (8, 16):
        layers += [nn.Conv2d(width, out, 5, stride=4, padding=2), nn.BatchNorm2d(out), nn.ReLU()]
        width = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 4))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the side of the images")
    parser.add_argument("--steps", type=int, default=220)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    data = Textures(400, max(16, int(160 * args.size**0.5)), args.seed)
    workers = 2 if args.healthy else 0
    loader = DataLoader(  # SLOW
        data,
        batch_size=args.batch_size,
        shuffle=True,
        num_workers=workers,  # SLOW
        persistent_workers=workers > 0,
    )
    model, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    step = 0
    while step < args.steps:
        for images, labels in loader:
            loss = loss_fn(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % 20 == 0 or step == args.steps:
                print(f"step {step} loss {loss.item():.4f}", flush=True)
            if step == args.steps:
                break


if __name__ == "__main__":
    main()
