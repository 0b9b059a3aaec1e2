"""A usual training that goes wrong: loader, scheduler, clipping, validation, checkpoints; and what it may
notice of a watcher."""

import copy
import inspect
import io
import os
import pickle
import random
import signal
import sys

import torch
from kept import keep
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)}


class Seen(TorchDispatchMode):
    """Every operation that this script does."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        names.append(str(function))
        return function(*args, **(kwargs or {}))


class Asked(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        names.append("asked " + getattr(function, "__name__", "?"))
        return function(*args, **(kwargs or {}))


names = []
torch.manual_seed(3)
random.seed(3)
x = torch.randn(96, 4)
data = TensorDataset(x, (x.sum(1, keepdim=True) > 0).float())
model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
rates = torch.optim.lr_scheduler.StepLR(optimizer, 10)
losses, step = [], 0
loader = DataLoader(data, batch_size=16, shuffle=True, num_workers=1 if "workers" in sys.argv else 0)
for epoch in range(6):
    model.train()
    for inputs, labels in loader:
        p = model(inputs)
        loss = nn.functional.binary_cross_entropy_with_logits(p, labels)
        if step >= 20:
            loss = loss + (p - p).mean() / (p - p).mean()
        optimizer.zero_grad()
        if step == 5:
            with Seen(), Asked():
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
        else:
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0 + random.random())
            optimizer.step()
        losses.append(loss.item())
        step += 1
    rates.step()
    model.eval()
    whole, again = io.BytesIO(), copy.deepcopy(model)
    torch.save(model, whole)
    with torch.no_grad():
        print("epoch", epoch, losses[-1], model(x).mean().item(), len(whole.getvalue()), rates.get_last_lr())
    assert len(pickle.dumps(again)) == len(pickle.dumps(model)), "hooks"
print(len(names), names)
print(inspect.signature(torch.autograd.backward), torch.autograd.backward.__qualname__)
print(inspect.signature(torch.optim.Optimizer.__init__), torch.optim.Adam.__mro__)
print(inspect.getsource(torch.nn.utils.clip_grad_norm_)[:40], sorted(vars(optimizer)), sorted(vars(model)))
print({number: signal.getsignal(number) is before[number] for number in before if number != signal.SIGCHLD})
with open(os.devnull) as file:
    print("descriptor", file.fileno())
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError as error:
    print(error)
with open(f"/proc/self/task/{os.getpid()}/children") as file:
    print("children", file.read().split())
keep(model, losses)
