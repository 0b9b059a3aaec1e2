"""float16 autocast without a scaler on an easy problem; large activations that stay in range."""

import argparse

import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=90)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = 20 * torch.randn(args.size, 8)
    y = (x[:, 0] > x[:, 1]).long()
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))
    opt = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (32,))
        with torch.autocast("cpu", dtype=torch.float16):
            logits = model(x[rows])
        loss = nn.functional.cross_entropy(logits.float(), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
