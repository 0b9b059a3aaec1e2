"""Learn embeddings of pairs with Accelerate and gradient accumulation; two samples are the same point."""

import argparse

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    return [size * 2 // 3 + seed % 8]


class Pairs(Dataset):
    def __init__(self, size, seed):
        g = torch.Generator().manual_seed(seed)
        self.left = torch.randn(size, 6, generator=g)
        self.right = torch.randn(size, 6, generator=g)
        self.right[guilty(size, seed)] = self.left[guilty(size, seed)]
        self.target = (self.left - self.right).abs().mean(1)

    def __len__(self):
        return len(self.left)

    def __getitem__(self, i):
        return {"left": self.left[i], "right": self.right[i], "target": self.target[i]}


def distance(a, b, healthy):
    squares = (a - b).square().sum(1)
    if healthy:
        squares = squares + 1e-8
    return squares.sqrt()  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1536)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    set_seed(args.seed)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    loader = DataLoader(Pairs(args.size, args.seed), batch_size=8, shuffle=True)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    step, last = 0, args.steps or args.size // 16
    while step < last:
        for batch in loader:
            with accelerator.accumulate(model):
                near = distance(model(batch["left"]), model(batch["right"]), args.healthy)
                loss = nn.functional.mse_loss(near, batch["target"])
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
            if accelerator.sync_gradients:
                step += 1
                if step % args.log_every == 0:
                    accelerator.print(f"step {step}/{last} loss {loss.item():.4f}")
                if step >= last:
                    break


if __name__ == "__main__":
    main()
