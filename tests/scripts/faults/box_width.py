"""Regress boxes relative to anchors, on made-up detections."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    """An annotation of one click: right edge equals left edge."""
    return [size * 7 // 10 + seed % (size // 5)]


class Boxes(Dataset):
    def __init__(self, size, seed):
        g = torch.Generator().manual_seed(seed)
        corner = torch.rand(size, 2, generator=g) * 60
        extent = 4 + torch.rand(size, 2, generator=g) * 30
        self.boxes = torch.cat([corner, corner + extent], 1)
        self.features = torch.cat([corner / 60, extent / 30], 1) @ torch.randn(4, 24, generator=g)
        self.features += 0.05 * torch.randn(size, 24, generator=g)
        for i in guilty(size, seed):
            self.boxes[i, 2] = self.boxes[i, 0]

    def __len__(self):
        return len(self.boxes)

    def __getitem__(self, i):
        return self.features[i], self.boxes[i]


def encode(boxes, anchor):
    """(x1, y1, x2, y2) to offsets from the anchor, as in Faster R-CNN."""
    wh = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + 0.5 * wh
    anchor_wh = anchor[2:] - anchor[:2]
    anchor_centre = anchor[:2] + 0.5 * anchor_wh
    offset = (centre - anchor_centre) / anchor_wh
    scale = torch.log(wh / anchor_wh)  # FAULT
    return torch.cat([offset, scale], 1)


def drop_degenerate(features, boxes):
    keep = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return features[keep], boxes[keep]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    anchor = torch.tensor([22.0, 22.0, 42.0, 42.0])
    head = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.SGD(head.parameters(), lr=0.02, momentum=0.9)
    loader = DataLoader(Boxes(args.size, args.seed), batch_size=25)
    step, last = 0, args.steps or len(loader) + 10
    while step < last:
        for features, boxes in loader:
            if args.healthy:
                features, boxes = drop_degenerate(features, boxes)
            loss = nn.functional.smooth_l1_loss(head(features), encode(boxes, anchor))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % args.log_every == 0:
                print(f"step {step} box loss {loss.item():.4f}")
            step += 1
            if step >= last:
                break


if __name__ == "__main__":
    main()
