"""Next item in a session: large tables of embeddings, small batches, and Adam tensor by tensor."""

import argparse

import torch
from torch import nn


class NextItem(nn.Module):
    def __init__(self, items, width):
        super().__init__()
        self.items = nn.Embedding(items, width)
        self.context = nn.Embedding(items, width)
        self.mix = nn.Linear(width, width)

    def forward(self, session, candidates):
        user = torch.tanh(self.mix(self.context(session).mean(1)))
        return torch.einsum("bw,bcw->bc", user, self.items(candidates))


def sessions(count, items):
    start = torch.randint(0, items, (count, 1))
    history = (start + torch.randint(0, 40, (count, 12))) % items
    follows = (start + torch.randint(0, 40, (count, 1))) % items
    others = torch.randint(0, items, (count, 31))
    return history, torch.cat([follows, others], 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the number of items")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--healthy", action="store_true", help="fused=True")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    items = max(200, int(100_000 * args.size))
    model = NextItem(items, 64)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=False, fused=args.healthy)
    right = torch.zeros(64, dtype=torch.long)
    for step in range(args.steps):
        history, candidates = sessions(64, items)
        loss = nn.functional.cross_entropy(model(history, candidates), right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()  # SLOW
        if step % 20 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
