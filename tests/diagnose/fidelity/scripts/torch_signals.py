"""A training that is interrupted often, and ended by one of the signals."""

import os
import signal
import sys

import torch
from kept import keep

ticks = []
signal.signal(signal.SIGALRM, lambda number, frame: ticks.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
torch.manual_seed(1)
model = torch.nn.Linear(5, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
losses = []
try:
    for step in range(400):
        loss = (model(torch.randn(32, 5)) - 1).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step == 300:
            print("now", flush=True)
            os.kill(os.getpid(), getattr(signal, sys.argv[1]))
finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("steps", len(losses), bool(ticks), flush=True)
    keep(model, losses)
