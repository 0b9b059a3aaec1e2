"""Who talks to whom: negative pairs must not have been drawn before, so all pairs so far are in a list."""

import argparse
import random

import torch
from torch import nn


class Sampler:
    def __init__(self, people, seed, container):
        self.people, self.rng = people, random.Random(seed)
        self.seen = container()
        self.add = self.seen.add if container is set else self.seen.append

    def pair(self):
        while True:
            pair = (self.rng.randrange(self.people), self.rng.randrange(self.people))
            if pair not in self.seen:  # SLOW
                self.add(pair)
                return pair

    def batch(self, size):
        pairs = [self.pair() for _ in range(size)]
        together = [float((a * 7 + 3) % 5 == (b * 7 + 3) % 5) for a, b in pairs]
        return torch.tensor(pairs), torch.tensor(together)


class Links(nn.Module):
    def __init__(self, people, width):
        super().__init__()
        self.embed = nn.Embedding(people, width)
        self.mix = nn.Sequential(nn.Linear(2 * width, 128), nn.ReLU(), nn.Linear(128, 1))

    def forward(self, pairs):
        return self.mix(self.embed(pairs).flatten(1)).squeeze(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the pairs of a batch")
    parser.add_argument("--steps", type=int, default=450)
    parser.add_argument("--healthy", action="store_true", help="a set instead of a list")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    sampler = Sampler(3000, args.seed, set if args.healthy else list)
    size = max(4, int(40 * args.size))
    model = Links(3000, 64)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(1, args.steps + 1):
        pairs, together = sampler.batch(size)
        loss = nn.functional.binary_cross_entropy_with_logits(model(pairs), together)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"batch {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
