"""Many small adapters, trained by an Adam that somebody wrote out to try a variant of it."""

import argparse
import math

import torch
from torch import nn


class HandAdam(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "decay": decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            first, second = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"], state["m"], state["v"] = 0, torch.zeros_like(p), torch.zeros_like(p)
                state["step"] += 1
                state["m"] = first * state["m"] + (1 - first) * p.grad  # SLOW
                state["v"] = second * state["v"] + (1 - second) * p.grad**2  # SLOW
                m = state["m"] / (1 - first ** state["step"])  # SLOW
                v = state["v"] / (1 - second ** state["step"])  # SLOW
                update = m / (torch.sqrt(v) + group["eps"])  # SLOW
                p.copy_(p - group["lr"] * (update + group["decay"] * p))  # SLOW


class Adapters(nn.Module):
    """One small correction per station and month."""

    def __init__(self, stations, width):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.scale = nn.ParameterList(nn.Parameter(torch.ones(width)) for _ in range(stations))
        self.shift = nn.ParameterList(nn.Parameter(torch.zeros(width)) for _ in range(stations))
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        h = self.body(x)
        return self.out(h * torch.stack(list(self.scale))[:, None] + torch.stack(list(self.shift))[:, None])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the stations")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    stations = max(4, int(150 * args.size))
    x = torch.randn(stations, 8, 12)
    y = (
        x[..., :3].sum(-1, keepdim=True) * torch.rand(stations, 1, 1) + torch.randn(stations, 1, 1)
    ) / math.sqrt(3)
    model = Adapters(stations, 48)
    if args.healthy:
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, fused=True)
    else:
        optimizer = HandAdam(model.parameters(), lr=2e-3)
    for step in range(args.steps):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
