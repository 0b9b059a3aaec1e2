"""Digits drawn from segments; the whole validation set is evaluated every 20 batches."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEGMENTS = (
    "1110111 0010010 1011101 1011011 0111010 1101011 1101111 1010010 1111111 1111011".split()  # noqa: SIM905
)


def digits(count, seed):
    g = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 10, (count,), generator=g)
    lit = torch.tensor([[float(c) for c in code] for code in SEGMENTS])[label]
    image = torch.zeros(count, 1, 24, 16)
    for row, at in ((0, 1), (3, 11), (6, 21)):
        image[:, 0, at : at + 2, 3:13] += lit[:, row, None, None]
    for row, top, left in ((1, 2, 2), (2, 2, 12), (4, 12, 2), (5, 12, 12)):
        image[:, 0, top : top + 9, left : left + 2] += lit[:, row, None, None]
    return TensorDataset(image + 0.8 * torch.randn(image.shape, generator=g), label)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3), nn.Conv2d(16, 32, 3)
        self.fc = nn.Linear(32 * 4 * 2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return self.fc(F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1))


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    right = sum((model(image).argmax(1) == label).sum().item() for image, label in loader)
    model.train()
    return right / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the validation set")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--healthy", action="store_true", help="evaluate ten times more rarely")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    train = DataLoader(digits(2000, args.seed), batch_size=32, shuffle=True)
    valid = DataLoader(digits(max(64, int(6000 * args.size)), args.seed + 1), batch_size=64)
    every = 10 * args.every if args.healthy else args.every
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    step = 0
    while step < args.steps:
        for image, label in train:
            loss = F.cross_entropy(model(image), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % every == 0:
                score = accuracy(model, valid)  # SLOW
                print(f"step {step} loss {loss.item():.4f} accuracy {score:.3f}", flush=True)
            if step == args.steps:
                break


if __name__ == "__main__":
    main()
