"""Recommender by matrix factorisation with sparse gradients and two optimisers."""

import argparse

import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=3000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    user, item = torch.randint(0, 100, (args.size,)), torch.randint(0, 60, (args.size,))
    taste, kind = torch.randn(100, 3), torch.randn(60, 3)
    stars = (taste[user] * kind[item]).sum(1) + 3
    users, items = nn.Embedding(100, 8, sparse=True), nn.Embedding(60, 8, sparse=True)
    bias = nn.Parameter(torch.zeros(1))
    sparse = torch.optim.SparseAdam([*users.parameters(), *items.parameters()], lr=0.02)
    dense = torch.optim.SGD([bias], lr=0.1)
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (128,))
        predicted = (users(user[rows]) * items(item[rows])).sum(1) + bias
        loss = (predicted - stars[rows]).abs().mean()
        sparse.zero_grad()
        dense.zero_grad()
        loss.backward()
        sparse.step()
        dense.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
