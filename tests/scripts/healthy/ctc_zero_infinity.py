"""CTC with zero_infinity: some words cannot be aligned, and are meant to count nothing."""

import argparse

import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    shape = torch.randn(5, 6)
    words = [torch.randint(1, 5, (int(torch.randint(1, 9, ())),)) for _ in range(args.size)]
    model = nn.Sequential(nn.Conv1d(6, 24, 3, padding=1), nn.ReLU(), nn.Conv1d(24, 5, 3, stride=2, padding=1))
    ctc = nn.CTCLoss(zero_infinity=True)
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(args.steps):
        chosen = [words[i] for i in torch.randint(0, args.size, (12,))]
        strip = torch.stack([shape[w[torch.arange(16) * len(w) // 16]].T for w in chosen])
        log_p = model(strip + 0.2 * torch.randn_like(strip)).permute(2, 0, 1).log_softmax(-1)
        lengths = torch.tensor([len(w) for w in chosen])
        loss = ctc(log_p, torch.cat(chosen), torch.full((12,), 8), lengths)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
