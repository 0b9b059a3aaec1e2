"""Links in a graph of people who are Python objects; `gc.collect()` was added against a leak that is gone."""

import argparse
import gc
import random

import torch
from torch import nn


class Person:
    def __init__(self, number, group):
        self.number = number
        self.group = group
        self.friends = []
        self.notes = {"joined": 2000 + number % 20, "tags": [number % 7, number % 11]}


def village(count, seed):
    rng = random.Random(seed)
    people = [Person(i, rng.randrange(8)) for i in range(count)]
    for person in people:
        for _ in range(3):
            person.friends.append(people[rng.randrange(count)])
    return people


def batch(people, rng, size):
    pairs, same = [], []
    for _ in range(size):
        a, b = rng.choice(people), rng.choice(people)
        pairs.append([a.number, b.number])
        same.append(float(a.group == b.group))
    return torch.tensor(pairs), torch.tensor(same)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the number of people")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    people = village(max(100, int(100_000 * args.size)), args.seed)
    rng = random.Random(args.seed + 1)
    embed = nn.EmbeddingBag(len(people), 16, mode="sum", sparse=True)
    nn.init.normal_(embed.weight, std=0.5)
    head = nn.Sequential(nn.Linear(16, 256), nn.ReLU(), nn.Linear(256, 1))
    optimizers = [torch.optim.SparseAdam(embed.parameters(), lr=0.02), torch.optim.Adam(head.parameters())]
    for step in range(1, args.steps + 1):
        pairs, same = batch(people, rng, 2048)
        loss = nn.functional.binary_cross_entropy_with_logits(head(embed(pairs)).squeeze(1), same)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        if not args.healthy:
            gc.collect()  # SLOW
        if step % 5 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
