"""A causal language model over a toy grammar; the mask holds -inf above the diagonal."""

import argparse

import torch
from torch import nn


def corpus(size, seed, length=16):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 20, (size, 1), generator=g)
    step = torch.randint(1, 4, (size, 1), generator=g)
    return (start + step * torch.arange(length)) % 20


class CausalLM(nn.Module):
    def __init__(self, dim=32, length=16):
        super().__init__()
        self.embed = nn.Embedding(20, dim)
        self.position = nn.Embedding(length, dim)
        self.attention = nn.MultiheadAttention(dim, 4, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 64), nn.GELU(), nn.Linear(64, dim))
        self.head = nn.Linear(dim, 20)

    def forward(self, ids):
        n = ids.shape[1]
        x = self.embed(ids) + self.position(torch.arange(n))
        mask = torch.full((n, n), float("-inf")).triu(1)
        h = self.norm1(x)
        x = x + self.attention(h, h, h, attn_mask=mask, need_weights=True)[0]
        return self.head(x + self.mlp(self.norm2(x)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=600)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    text = corpus(args.size, args.seed)
    model = CausalLM()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 5e-3, total_steps=args.steps)
    for step in range(args.steps):
        batch = text[torch.randint(0, args.size, (24,))]
        logits = model(batch[:, :-1])
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), batch[:, 1:])
        opt.zero_grad()
        loss.backward()
        opt.step()
        schedule.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
