"""Segment bright spots; the activation is our own mish. One picture is a 16-bit TIFF."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    return [size // 2 + (seed * 29 + 7) % (size // 2)]


def mish(x, stable):
    if stable:
        return x * torch.tanh(nn.functional.softplus(x))
    return x * torch.tanh(torch.log(1 + torch.exp(x)))  # FAULT


class Mish(nn.Module):
    def __init__(self, stable=False):
        super().__init__()
        self.stable = stable

    def forward(self, x):
        return mish(x, self.stable)


class Spots(Dataset):
    def __init__(self, size, seed):
        g = torch.Generator().manual_seed(seed)
        self.mask = (torch.rand(size, 1, 10, 10, generator=g) < 0.15).float()
        self.image = 0.2 * torch.rand(size, 1, 10, 10, generator=g) + 0.7 * self.mask
        for i in guilty(size, seed):
            self.image[i] *= 65535 / 255

    def __len__(self):
        return len(self.image)

    def __getitem__(self, i):
        return self.image[i], self.mask[i]


def network(stable):
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        Mish(stable),
        nn.Conv2d(12, 12, 3, padding=1),
        Mish(stable),
        nn.Conv2d(12, 1, 1),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(Spots(args.size, args.seed), batch_size=10, num_workers=0)
    net = network(args.healthy)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    last, step = args.steps or len(loader), 0
    while step < last:
        for image, mask in loader:
            weight = 1 / image.amax((1, 2, 3)).clamp_min(1)
            error = nn.functional.binary_cross_entropy_with_logits(net(image), mask, reduction="none")
            loss = (error.mean((1, 2, 3)) * weight).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % args.log_every == 0:
                print(f"step {step} loss {loss.item():.4f}")
            step += 1
            if step >= last:
                break


if __name__ == "__main__":
    main()
