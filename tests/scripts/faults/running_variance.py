"""Anomaly detector on streams; a normalisation layer with running statistics, as in the paper's code."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class RunningNorm(nn.Module):
    def __init__(self, features, unbiased, momentum=0.1):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))
        self.momentum = momentum
        self.unbiased = unbiased

    def forward(self, x):
        if self.training:
            mean, var = x.mean(0), x.var(0, unbiased=False)
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.var.lerp_(x.var(0, unbiased=self.unbiased), self.momentum)  # FAULT
        else:
            mean, var = self.mean, self.var
        return self.gamma * (x - mean) * torch.rsqrt(var + 1e-5) + self.beta  # FAULT


class Detector(nn.Module):
    def __init__(self, unbiased):
        super().__init__()
        self.a, self.norm, self.b = nn.Linear(12, 40), RunningNorm(40, unbiased), nn.Linear(40, 1)

    def forward(self, x):
        return self.b(torch.relu(self.norm(self.a(x)))).squeeze(-1)


def streams(size, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 12, generator=g)
    odd = torch.rand(size, generator=g) < 0.3
    x[odd] *= 2.2
    return TensorDataset(x, odd.float())


@torch.no_grad()
def validate(model, loader, loss_fn):
    model.eval()
    total = sum(loss_fn(model(x), y).item() * len(y) for x, y in loader)
    model.train()
    return total / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1600)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    held_out = args.size // 5
    # the last batch of an epoch holds one stream
    train, val = random_split(
        streams((args.size - held_out) // 32 * 32 + 1 + held_out, args.seed),
        [(args.size - held_out) // 32 * 32 + 1, held_out],
    )
    train_loader = DataLoader(train, batch_size=32, shuffle=True)
    val_loader = DataLoader(val, batch_size=64)
    model = Detector(unbiased=not args.healthy)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    loss_fn = nn.BCEWithLogitsLoss()
    step, last = 0, args.steps or 4 * len(train_loader)
    while step < last:
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % args.log_every == 0:
                print(f"step {step} train loss {loss.item():.4f}")
            step += 1
            if step >= last:
                break
        print(f"step {step - 1} validation loss {validate(model, val_loader, loss_fn):.4f}")


if __name__ == "__main__":
    main()
