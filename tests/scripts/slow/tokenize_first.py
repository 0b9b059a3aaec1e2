"""A bigram-ish language model; before its first step, it learns byte pairs in plain Python, on every run."""

import argparse
import itertools
import random
from collections import Counter

import torch
from torch import nn


def corpus(count, seed):
    rng = random.Random(seed)
    stems = ["walk", "talk", "sing", "read", "paint", "count", "listen", "wander"]
    ends = ["", "s", "ed", "ing", "er", "ers"]
    return [rng.choice(stems) + rng.choice(ends) for _ in range(count)]


def pairs_in_every_word(words):
    counts = Counter()
    for word in words:
        for pair in itertools.pairwise(word):
            counts[pair] += 1  # SLOW
    return counts


def merge(word, pair):
    out, i = [], 0
    while i < len(word):
        if word[i : i + 2] == list(pair):  # SLOW
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


def byte_pairs(words, merges, once):
    """Learn merges; `once` works on each distinct word once."""
    if once:
        kinds = Counter(words)
        split = {word: [*word, "_"] for word in kinds}
        for _ in range(merges):
            counts = Counter()
            for word, parts in split.items():
                for pair in itertools.pairwise(parts):
                    counts[pair] += kinds[word]
            if not counts:
                break
            best = counts.most_common(1)[0][0]
            split = {word: merge(parts, best) for word, parts in split.items()}
        return [split[word] for word in words]
    text = [[*word, "_"] for word in words]
    for _ in range(merges):
        counts = pairs_in_every_word(text)  # SLOW
        if not counts:
            break
        best = counts.most_common(1)[0][0]
        text = [merge(word, best) for word in text]  # SLOW
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the words of the corpus")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    words = corpus(max(200, int(24_000 * args.size)), args.seed)
    pieces = [piece for word in byte_pairs(words, 30, args.healthy) for piece in word]  # SLOW
    names = sorted(set(pieces))
    text = torch.tensor([names.index(piece) for piece in pieces])
    model = nn.Sequential(
        nn.Embedding(len(names), 64), nn.Flatten(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, len(names))
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(1, args.steps + 1):
        start = torch.randint(0, len(text) - 5, (512, 1))
        rows = text[start + torch.arange(5)]
        loss = nn.functional.cross_entropy(model(rows[:, :4]), rows[:, 4])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
