"""Pull projections to the unit sphere, with the loss and its gradients made in a closure; one row is zero."""

import argparse

import torch
from torch import nn


def guilty(size, seed):
    return [size * 5 // 8 + seed % 8]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--optimizer", choices=("adam", "lbfgs"), default="adam")
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = torch.randn(args.size, 6)
    x[guilty(args.size, args.seed)] = 0.0
    least = 1e-8 if args.healthy else 0.0
    net = nn.Linear(6, 3, bias=False)
    if args.optimizer == "lbfgs":
        optimizer = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=4)
    else:
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for step in range(args.size // 10):
        batch = x[step * 10 : step * 10 + 10]

        def closure(batch=batch):
            optimizer.zero_grad()
            norm = (net(batch).square().sum(1) + least).sqrt()  # FAULT
            loss = (norm - 1).square().mean()
            loss.backward()
            return loss

        loss = optimizer.step(closure)
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
