"""Logistic regression with LBFGS and a closure, full batch, in float64."""

import argparse

import torch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = torch.randn(args.size, 6, dtype=torch.float64)
    true = torch.tensor([2.0, -1, 0, 0, 0.5, 3], dtype=torch.float64)
    y = (x @ true + torch.randn(args.size, dtype=torch.float64) > 0).double()
    w = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    opt = torch.optim.LBFGS([w], lr=0.5, max_iter=5, line_search_fn="strong_wolfe")

    def closure():
        opt.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ w, y) + 1e-3 * w.pow(2).sum()
        loss.backward()
        return loss

    for step in range(args.steps):
        loss = opt.step(closure)
        print(f"step {step} loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
