"""bfloat16 autocast on the processor, with gradient accumulation and clipping."""

import argparse

import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = torch.randn(args.size, 16)
    y = x.pow(2).sum(1, keepdim=True) / 16
    model = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.LayerNorm(64), nn.Linear(64, 1))
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(args.steps):
        total = 0.0
        for _ in range(3):
            rows = torch.randint(0, args.size, (16,))
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = nn.functional.mse_loss(model(x[rows]).float(), y[rows]) / 3
            loss.backward()
            total += loss.item()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        opt.step()
        opt.zero_grad(set_to_none=True)
        if step % args.log_every == 0:
            print(f"step {step} loss {total:.4f}")


if __name__ == "__main__":
    main()
