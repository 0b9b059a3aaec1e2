"""Mean teacher: a second model follows the first; buffers start at infinity on purpose."""

import argparse
import copy

import torch
from torch import nn


class BestSoFar(nn.Module):
    """Keeps the smallest loss of each class; infinity until a class was seen."""

    def __init__(self, classes):
        super().__init__()
        self.register_buffer("best", torch.full((classes,), float("inf")))

    @torch.no_grad()
    def update(self, losses, labels):
        for k in labels.unique():
            self.best[k] = torch.minimum(self.best[k], losses[labels == k].min())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = torch.randn(args.size, 6)
    y = x[:, :3].argmax(1)
    student = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 5))
    teacher = copy.deepcopy(student).requires_grad_(False)
    tracker = BestSoFar(5)  # two of the classes never occur
    opt = torch.optim.Adam(student.parameters(), lr=3e-3)
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (40,))
        logits = student(x[rows])
        each = nn.functional.cross_entropy(logits, y[rows], reduction="none")
        agree = nn.functional.mse_loss(logits.softmax(1), teacher(x[rows]).softmax(1))
        loss = each.mean() + agree
        opt.zero_grad()
        loss.backward()
        opt.step()
        tracker.update(each, y[rows])
        for a, b in zip(teacher.parameters(), student.parameters(), strict=False):
            a.lerp_(b, 0.05)
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f} seen {int(tracker.best.isfinite().sum())} classes")


if __name__ == "__main__":
    main()
