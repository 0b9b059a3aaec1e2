"""Small retrieval network with generalised-mean pooling (GeM)."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    """A frame that the camera left blank."""
    return [size * 3 // 4 + (seed * 7) % (size // 8)]


class Frames(Dataset):
    classes = 4

    def __init__(self, size, seed):
        gen = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, self.classes, (size,), generator=gen)
        base = torch.rand(self.classes, 3, 16, 16, generator=gen)
        self.x = base[self.y] + 0.6 * torch.rand(size, 3, 16, 16, generator=gen)
        self.x[guilty(size, seed)] = 0.0

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class GeM(nn.Module):
    def __init__(self, p=3.0, eps=0.0):
        super().__init__()
        self.p = nn.Parameter(torch.tensor(p))
        self.eps = eps

    def forward(self, x):
        x = x.clamp(min=self.eps).pow(3)
        return x.mean(dim=(-2, -1)).pow(1.0 / self.p)  # FAULT


def make_model(eps):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.LeakyReLU(0.1),
        nn.Conv2d(8, 16, 3, stride=2, bias=False),
        nn.LeakyReLU(0.1),
        GeM(eps=eps),
        nn.Linear(16, Frames.classes),
    )


def run_epoch(model, loader, optimizer, step, last, every):
    for images, labels in loader:
        if step >= last:
            break
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        if step % every == 0:
            print("step", step, "loss", round(loss.item(), 4))
        step += 1
    return step


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true", help="clamp before pooling")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(Frames(args.size, args.seed), batch_size=16)
    model = make_model(eps=1e-4 if args.healthy else 0.0)
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    last = args.steps or len(loader) + 10
    step = 0
    while step < last:
        step = run_epoch(model, loader, optimizer, step, last, args.log_every)
