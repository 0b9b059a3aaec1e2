"""Sentiment from hashed n-grams. A generator makes the batches; no DataLoader."""

import argparse
import random

import torch
from ngrams import encode, reviews

BUCKETS = 4000
BATCH = 32


def batches(data, epochs, seed, ready):
    order = list(range(len(data)))
    rng = random.Random(seed)
    for _ in range(epochs):
        rng.shuffle(order)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            ids, offsets, labels = [], [], []
            for i in order[start : start + BATCH]:
                text, label = data[i]
                offsets.append(len(ids))
                ids.extend(ready[i] if ready else encode(text, BUCKETS))  # SLOW
                labels.append(label)
            yield torch.tensor(ids), torch.tensor(offsets), torch.tensor(labels)


class Classifier(torch.nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.bag = torch.nn.EmbeddingBag(BUCKETS, width)
        self.head = torch.nn.Sequential(torch.nn.Linear(width, 128), torch.nn.ReLU(), torch.nn.Linear(128, 2))

    def forward(self, ids, offsets):
        return self.head(self.bag(ids, offsets))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the length of the texts")
    parser.add_argument("--steps", type=int, default=350)
    parser.add_argument("--healthy", action="store_true", help="encode each text once")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = reviews(320, int(200 * args.size) + 4, args.seed)
    ready = [encode(text, BUCKETS) for text, _ in data] if args.healthy else None
    model = Classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    loss_fn = torch.nn.CrossEntropyLoss()
    for step, (ids, offsets, labels) in enumerate(batches(data, 10**6, args.seed, ready), 1):
        loss = loss_fn(model(ids, offsets), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print("step", step, "loss", round(loss.item(), 4), flush=True)
        if step >= args.steps:
            break
