"""Early stopping from best = inf; a printed metric that is NaN while nothing is found."""

import argparse

import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=900)
    parser.add_argument("--steps", type=int, default=90)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = torch.randn(args.size, 6)
    y = (x[:, 0] + 0.5 * x[:, 1] > 1.2).float()
    cut = args.size * 2 // 3
    model = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    best, patience = float("inf"), 0
    for step in range(args.steps):
        rows = torch.randint(0, cut, (32,))
        loss = nn.functional.binary_cross_entropy_with_logits(model(x[rows]).squeeze(1), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            model.eval()
            with torch.no_grad():
                logit = model(x[cut:]).squeeze(1)
                val = nn.functional.binary_cross_entropy_with_logits(logit, y[cut:]).item()
                found = logit > 0
                precision = (y[cut:][found].sum() / found.sum()).item()  # nan while nothing is found
            model.train()
            print(f"step {step} loss {loss.item():.4f} val {val:.4f} precision {precision:.2f}")
            best, patience = (val, 0) if val < best else (best, patience + 1)
            if patience > 6:
                break


if __name__ == "__main__":
    main()
