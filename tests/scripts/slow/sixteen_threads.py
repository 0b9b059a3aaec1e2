"""A ranking network; the thread count stayed in the script from the cluster."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


class Ranker(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(6))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(6))
        self.score = nn.Linear(width, 1)

    def forward(self, x):
        for layer, norm in zip(self.layers, self.norms, strict=False):
            x = x + F.gelu(layer(norm(x)))
        return self.score(x).squeeze(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    if not args.healthy:
        torch.set_num_threads(16)  # SLOW
    torch.manual_seed(args.seed)
    width = 128
    documents = torch.randn(int(4000 * args.size) + 400, width)
    relevance = torch.tanh(documents @ torch.randn(width) / width**0.5)
    model = Ranker(width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(args.steps):
        pick = torch.randint(0, len(documents), (384,))
        left, right = model(documents[pick[:192]]), model(documents[pick[192:]])
        better = (relevance[pick[:192]] > relevance[pick[192:]]).float()
        loss = F.binary_cross_entropy_with_logits(left - right, better)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 25 == 0:
            print(f"step {step:4d}  loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
