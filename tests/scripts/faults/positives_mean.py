"""Detection-like training: classify cells, and regress an offset for the cells that hold an object."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def guilty(size, seed):
    """One batch of pictures without a single object."""
    first = size * 5 // 8 // 10 * 10
    return list(range(first, first + 10))


def scenes(size, seed, cells=16):
    g = torch.Generator().manual_seed(seed)
    has = torch.rand(size, cells, generator=g) < 0.1
    has[torch.arange(size), torch.randint(0, cells, (size,), generator=g)] = True
    has[guilty(size, seed)] = False
    offset = torch.rand(size, cells, generator=g)
    x = torch.randn(size, cells, 4, generator=g)
    x[..., 0] += 3 * has
    x[..., 1] = offset * 2 - 1 + 0.1 * x[..., 1]
    return TensorDataset(x, has, offset)


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(4, 32)
        self.object_logit = nn.Linear(32, 1)
        self.offset = nn.Linear(32, 1)

    def forward(self, x):
        x = torch.relu(self.shared(x))
        return self.object_logit(x).squeeze(-1), self.offset(x).squeeze(-1)


def detection_loss(logit, offset, has, target, guard=False):
    classification = F.binary_cross_entropy_with_logits(logit, has.float())
    error = F.l1_loss(offset, target, reduction="none")
    if guard:
        return classification, error[has].sum() / has.sum().clamp_min(1)
    regression = error[has].mean()  # FAULT
    return classification, regression


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1200)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(scenes(args.size, args.seed), batch_size=10)
    model = Head()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    smooth, step = None, 0
    last = args.steps or len(loader) + 10
    while step < last:
        for x, has, target in loader:
            logit, offset = model(x)
            cls, reg = detection_loss(logit, offset, has, target, guard=args.healthy)
            loss = cls + 2.0 * reg
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            smooth = loss.item() if smooth is None else 0.9 * smooth + 0.1 * loss.item()
            step += 1
            if step % args.log_every == 0:
                print(f"step {step} smoothed loss {smooth:.4f}")
            if step >= last:
                break


if __name__ == "__main__":
    main()
