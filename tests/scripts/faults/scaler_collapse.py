"""Distillation under float16 with a GradScaler on the CPU; the feature loss joins after a warm-up."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def make_data(size, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 20, generator=g)
    y = (x[:, :5].sum(1) > x[:, 5:10].sum(1)).long()
    return TensorDataset(x, y)


class Student(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(20, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, 2)

    def forward(self, x):
        features = self.trunk(x)
        return self.head(features), features


def feature_loss(features, teacher, healthy):
    gap = features - teacher.to(features.dtype)
    if healthy:
        return gap.float().pow(2).mean()
    return gap.pow(2).mean()  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=110)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(make_data(args.size, args.seed), batch_size=32, shuffle=True)
    student = Student(64)
    # the teacher's features are large: it was trained in bfloat16
    teacher = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
    teacher.requires_grad_(False)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu")
    warm_up = args.steps // 3
    step = 0
    while step < args.steps:
        for x, y in loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                logits, features = student(x)
                loss = F.cross_entropy(logits.float(), y)
                if step >= warm_up:
                    loss = loss + 1e-7 * feature_loss(features, 900 * teacher(x), args.healthy)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            norm = nn.utils.clip_grad_norm_(student.parameters(), 5.0)
            scaler.step(optimizer)
            scaler.update()
            if step % args.log_every == 0:
                print(f"step {step} loss {loss.item():.4f} grad norm {norm:.3f} scale {scaler.get_scale():g}")
            step += 1
            if step == args.steps:
                break


if __name__ == "__main__":
    main()
