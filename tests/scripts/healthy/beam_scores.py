"""A tagger with a CRF-like forward pass over scores that start at -inf, all with logsumexp."""

import argparse

import torch
from torch import nn


def log_partition(emission, transition):
    tags = emission.shape[-1]
    score = torch.full((len(emission), tags), float("-inf"))
    score[:, 0] = 0.0  # every sentence starts in tag 0
    for t in range(emission.shape[1]):
        score = torch.logsumexp(score[:, :, None] + transition, 1) + emission[:, t]
    return torch.logsumexp(score, -1)


def path_score(emission, transition, tags):
    before = torch.cat([torch.zeros_like(tags[:, :1]), tags[:, :-1]], 1)
    return (emission.gather(2, tags[..., None]).squeeze(-1) + transition[before, tags]).sum(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    words = torch.randint(0, 20, (args.size, 7))
    tags = (words % 4 + (words > 10)) % 4
    embed, transition = nn.Embedding(20, 4), nn.Parameter(torch.zeros(4, 4))
    opt = torch.optim.Adam([*embed.parameters(), transition], lr=0.05)
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (16,))
        emission = embed(words[rows])
        loss = (log_partition(emission, transition) - path_score(emission, transition, tags[rows])).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
