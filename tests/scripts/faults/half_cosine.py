"""Match questions with answers by cosine similarity; features are normalised under fp16 autocast."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def guilty(size, seed):
    # an answer without a single known word: its bag of words is empty
    return [(size * 5) // 8 + (seed * 13) % (size // 4)]


def corpus(size, seed, words=60):
    g = torch.Generator().manual_seed(seed)
    topics = torch.rand(20, words, generator=g) ** 6
    topic = torch.randint(0, 20, (size,), generator=g)
    question = torch.poisson(3 * topics[topic], generator=g)
    answer = torch.poisson(3 * topics[topic], generator=g)
    question[:, 0] += 1
    answer[:, 0] += 1
    answer[guilty(size, seed)] = 0
    return TensorDataset(question, answer)


class Tower(nn.Module):
    def __init__(self, words, dim):
        super().__init__()
        self.project = nn.Linear(words, dim, bias=False)

    def forward(self, counts):
        return self.project(counts)


def unit(v, eps):
    norm = torch.linalg.vector_norm(v, dim=-1, keepdim=True)
    return v / (norm + eps).to(v.dtype)  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--healthy", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1600)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    eps = 1e-3 if args.healthy else 1e-8
    loader = DataLoader(corpus(args.size, args.seed), batch_size=32, drop_last=True)
    ask, reply = Tower(60, 32), Tower(60, 32)
    optimizer = torch.optim.AdamW([*ask.parameters(), *reply.parameters()], lr=2e-3)
    steps = args.steps or int(1.6 * len(loader))
    step = 0
    while step < steps:
        for question, answer in loader:
            with torch.autocast("cpu", dtype=torch.float16):
                q = unit(ask(question), eps)
                a = unit(reply(answer), eps)
                similarity = q @ a.T
            target = torch.arange(len(question))
            loss = nn.functional.cross_entropy(similarity.float() / 0.1, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % args.log_every == 0:
                print(f"step {step}, loss {loss.item():.3f}")
            if step == steps:
                break


if __name__ == "__main__":
    main()
