"""House prices from made-up features, with a home-made ELU."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def guilty(size, seed):
    """One mansion: real, and far larger than all the rest."""
    g = torch.Generator().manual_seed(seed + 5)
    return [int(torch.randint(size // 2, size, (1,), generator=g))]


def load_houses(size, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 8, generator=g)
    w = torch.randn(8, 1, generator=g)
    for i in guilty(size, seed):
        x[i] = 120 * torch.sign(x[i])
    price = (x.clamp(-3, 3) @ w + 0.1 * torch.randn(size, 1, generator=g)).float()
    return TensorDataset(x, price)


class Elu(nn.Module):
    def __init__(self, safe=False):
        super().__init__()
        self.safe = safe

    def forward(self, x):
        if self.safe:
            return torch.where(x > 0, x, torch.exp(x.clamp(max=0)) - 1)
        return torch.where(x > 0, x, torch.exp(x) - 1)  # FAULT


class Regressor(nn.Module):
    def __init__(self, safe):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, 48), Elu(safe), nn.Linear(48, 48), Elu(safe), nn.Linear(48, 1)
        )

    def forward(self, x):
        return self.layers(x)


def train(args):
    torch.manual_seed(args.seed)
    data = load_houses(args.size, args.seed)
    loader = DataLoader(data, batch_size=32, shuffle=False)
    model = Regressor(args.healthy)
    optim = torch.optim.Adam(model.parameters(), lr=2e-3)
    loss_fn = nn.SmoothL1Loss()
    total = args.steps or len(loader) + 10
    step = 0
    running = None
    while True:
        for features, price in loader:
            optim.zero_grad(set_to_none=True)
            loss = loss_fn(model(features), price)
            loss.backward()
            optim.step()
            running = loss.item() if running is None else 0.9 * running + 0.1 * loss.item()
            if step % args.log_every == 0:
                print(f"[step {step:4d}] loss={running:.5f}")
            step += 1
            if step >= total:
                return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=3000, help="houses")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    train(parser.parse_args())
