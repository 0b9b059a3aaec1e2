"""Sparse coding with a custom autograd function: signed square root as activation."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def guilty(size, seed):
    return [size * 9 // 16 + seed % (size // 4)]  # a patch without any signal


class SignedRoot(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, eps):
        y = torch.sign(x) * (torch.sqrt(x.abs() + 1e-2) - 0.1)
        ctx.save_for_backward(x)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        root = torch.sqrt(x.abs() + ctx.eps)
        return grad / (2 * root), None  # FAULT


class Coder(nn.Module):
    def __init__(self, eps):
        super().__init__()
        self.eps = eps
        self.analysis = nn.Linear(16, 48, bias=False)
        self.synthesis = nn.Linear(48, 16, bias=False)

    def forward(self, x):
        code = SignedRoot.apply(self.analysis(x), self.eps)
        return self.synthesis(code), code


def patches(size, seed):
    g = torch.Generator().manual_seed(seed)
    atoms = torch.randn(6, 16, generator=g)
    amount = torch.relu(torch.randn(size, 6, generator=g))
    x = amount @ atoms + 0.05 * torch.randn(size, 16, generator=g)
    x[guilty(size, seed)] = 0.0
    return TensorDataset(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1600)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(patches(args.size, args.seed), batch_size=16)
    model = Coder(1e-2 if args.healthy else 0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    step, last = 0, args.steps or len(loader)
    while step < last:
        for (x,) in loader:
            rebuilt, code = model(x)
            loss = (rebuilt - x).pow(2).mean() + 1e-3 * code.abs().mean()
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
