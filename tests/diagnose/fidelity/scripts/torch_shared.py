"""Trains in a thread, with weights and a file that other processes see, and closes what it does not know."""

import os
import sys
import tempfile
import threading

import torch
import torch.multiprocessing as mp
from kept import keep


def reads(model, start, end, found):
    start.wait()
    end.wait()
    found.put(sum(one.abs().sum().item() for one in model.parameters()))


def train(model, counts, losses):
    torch.manual_seed(3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(40):
        loss = (model(torch.randn(16, 4)) - 1).pow(2).mean()
        counts[step] += 1
        if step > 30:
            loss = loss + 0 * torch.log(loss - loss).clamp(min=-1e30)
            loss.data.fill_(float("nan") if step == 31 else 1.0)
        optimizer.zero_grad()
        loss.backward()
        for one in model.parameters():
            one.grad.nan_to_num_(0, 0, 0)
        optimizer.step()
        losses.append(loss.item())


if __name__ == "__main__":
    if "closes" in sys.argv:
        os.closerange(3, 2000)
    model = torch.nn.Linear(4, 1)
    torch.nn.init.constant_(model.weight, 0.5)
    torch.nn.init.constant_(model.bias, 0.0)
    model.share_memory()
    context = mp.get_context("spawn")
    start, end, found = context.Event(), context.Event(), context.SimpleQueue()
    other = context.Process(target=reads, args=(model, start, end, found))
    if "closes" not in sys.argv:
        other.start()
        start.set()
    losses = []
    with tempfile.NamedTemporaryFile() as file:
        counts = torch.from_file(file.name, shared=True, size=64, dtype=torch.int64)
        thread = threading.Thread(target=train, args=(model, counts, losses))
        thread.start()
        thread.join()
        print(counts.sum().item(), losses[:2], losses[-1])
    if "closes" not in sys.argv:
        end.set()
        print(found.get())
        other.join()
    with open(os.devnull) as file:
        print(file.fileno())
    keep(model, losses)
