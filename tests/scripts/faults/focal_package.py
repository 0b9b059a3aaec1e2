"""Find rare events in made-up detector hits; the loss comes from our package."""

import argparse

import torch
from focal_lib.losses import FocalLoss
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def hits(size, seed):
    g = torch.Generator().manual_seed(seed)
    event = (torch.rand(size, generator=g) < 0.1).float()
    x = torch.randn(size, 10, generator=g)
    # the source brightens from day to day
    strength = torch.linspace(3, 60, size)
    x[:, :3] += (strength * event)[:, None]
    return TensorDataset(x, event)


class Detector(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.hidden = nn.Linear(10, width)
        self.second = nn.Linear(width, width)
        self.score = nn.Linear(width, 1)

    def forward(self, x):
        x = torch.relu(self.hidden(x))
        x = torch.relu(self.second(x))
        return torch.sigmoid(self.score(x)).squeeze(-1)


def train(model, loader, loss_fn, steps, every):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    step = 0
    while step < steps:
        for x, event in loader:
            loss = loss_fn(model(x), event)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % every == 0:
                print(f"step {step} loss {loss.item():.6f}")
            if step >= steps:
                break


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=3000)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(hits(args.size, args.seed), batch_size=64)
    loss_fn = FocalLoss(epsilon=1e-5) if args.healthy else FocalLoss()
    train(Detector(), loader, loss_fn, args.steps, args.log_every)
