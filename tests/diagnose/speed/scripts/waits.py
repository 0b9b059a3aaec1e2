"""Trains on samples that each take a moment to read; writes its losses to a file."""

import sys
import time

import torch
from torch.utils.data import DataLoader, Dataset


class Slow(Dataset):
    def __len__(self):
        return 128

    def __getitem__(self, index):
        time.sleep(0.002)
        return torch.full((8,), float(index % 7)), index % 7


torch.manual_seed(0)
loader = DataLoader(Slow(), batch_size=8, shuffle=True)
model = torch.nn.Linear(8, 7)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
with open("losses.txt", "a") as file:
    for _ in range(int(sys.argv[1])):
        for x, y in loader:
            loss = torch.nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            file.write(f"{loss.item()}\n")
print("done")
