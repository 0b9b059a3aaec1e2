"""Speaker embeddings: the angle between two recordings of one speaker should be small."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    # recordings that were uploaded twice: both of the pair are one file
    g = torch.Generator().manual_seed(seed + 1)
    return sorted((torch.randperm(size // 3, generator=g)[:8] + size * 2 // 3).tolist())


class Pairs(Dataset):
    def __init__(self, size, seed):
        g = torch.Generator().manual_seed(seed)
        voices = torch.randn(30, 24, generator=g)
        speaker = torch.randint(0, 30, (size,), generator=g)
        self.same = torch.rand(size, generator=g) < 0.5
        partner = torch.where(self.same, speaker, (speaker + 7) % 30)
        self.left = voices[speaker] + 0.5 * torch.randn(size, 24, generator=g)
        self.right = voices[partner] + 0.5 * torch.randn(size, 24, generator=g)
        for i in guilty(size, seed):
            self.same[i] = True
            self.right[i] = self.left[i]

    def __len__(self):
        return len(self.same)

    def __getitem__(self, index):
        return {"left": self.left[index], "right": self.right[index], "same": self.same[index]}


class Encoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(24, width)
        self.fc2 = nn.Linear(width, 4)

    def forward(self, x):
        return F.normalize(self.fc2(torch.tanh(self.fc1(x))), dim=-1)


class AngularLoss(nn.Module):
    def __init__(self, edge):
        super().__init__()
        self.edge = edge

    def forward(self, a, b, same):
        cosine = (a * b).sum(-1).clamp(-1 + self.edge, 1 - self.edge)
        angle = torch.acos(cosine)  # FAULT
        return torch.where(same, angle, F.relu(1.2 - angle)).mean()


def fit(encoder, criterion, loader, steps, every):
    opt = torch.optim.Adam(encoder.parameters(), lr=2e-3)
    done = 0
    while done < steps:
        for batch in loader:
            loss = criterion(encoder(batch["left"]), encoder(batch["right"]), batch["same"])
            opt.zero_grad()
            loss.backward()
            opt.step()
            done += 1
            if done % every == 0:
                print(f"step {done} loss {loss.item():.4f}", flush=True)
            if done == steps:
                break


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--healthy", action="store_true")
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--size", type=int, default=1500)
    ap.add_argument("--steps", type=int)
    ap.add_argument("--log-every", type=int, default=10)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    loader = DataLoader(Pairs(a.size, a.seed), batch_size=20)
    # just inside of [-1, 1], or on its edge
    criterion = AngularLoss(edge=1e-4 if a.healthy else 0.0)
    fit(Encoder(64), criterion, loader, a.steps or 3 * len(loader), a.log_every)


if __name__ == "__main__":
    main()
