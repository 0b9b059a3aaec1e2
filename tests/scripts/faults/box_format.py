"""Boxes from two annotation tools in one training set; anchors, IoU and log sizes by hand."""

import argparse

import numpy as np
import torch


def second_tool(size):
    return int(size * 0.75)


def raw_boxes(size, seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 100, (size, 2))
    extent = rng.uniform(5, 40, (size, 2))
    boxes = np.concatenate([corner, corner + extent], 1)
    # the second tool writes x, y, width, height
    later = slice(second_tool(size), None)
    boxes[later, 2:] = extent[later]
    return corner, extent, boxes


def guilty(size, seed):
    """Rows of the second tool that, read as corners, have a negative side."""
    boxes = raw_boxes(size, seed)[2]
    wrong = ((boxes[:, 2:] - boxes[:, :2]) <= 0).any(1)
    return np.flatnonzero(wrong).tolist()


def read(size, seed, convert):
    corner, extent, boxes = raw_boxes(size, seed)
    if convert:
        later = slice(second_tool(size), None)
        boxes[later, 2:] += boxes[later, :2]
    rng = np.random.default_rng(seed + 1)
    feature = np.concatenate([corner / 50 - 1, np.log(extent / 20)], 1) @ rng.normal(0, 1, (4, 16))
    return torch.tensor(feature, dtype=torch.float32), torch.tensor(boxes, dtype=torch.float32)


class BoxHead(torch.nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(16, width), torch.nn.ReLU(), torch.nn.Linear(width, 4)
        )

    def forward(self, x):
        return self.layers(x)


def targets(boxes):
    width = boxes[:, 2] - boxes[:, 0]
    height = boxes[:, 3] - boxes[:, 1]
    x = boxes[:, 0] / 50 - 1
    y = boxes[:, 1] / 50 - 1
    return torch.stack([x, y, torch.log(width / 20), torch.log(height / 20)], 1)  # FAULT


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--size", type=int, default=2400)
    p.add_argument("--steps", type=int, default=0)
    p.add_argument("--log-every", type=int, default=10)
    p.add_argument("--healthy", action="store_true")
    a = p.parse_args()
    torch.manual_seed(a.seed)
    features, boxes = read(a.size, a.seed, a.healthy)
    head = BoxHead()
    adam = torch.optim.Adam(head.parameters(), lr=3e-3)
    batch = 30
    n = a.size // batch
    for i in range(a.steps or n):
        rows = slice((i % n) * batch, (i % n + 1) * batch)
        loss = torch.nn.functional.l1_loss(head(features[rows]), targets(boxes[rows]))
        adam.zero_grad()
        loss.backward()
        adam.step()
        if i % a.log_every == 0:
            print(f"iter {i} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
