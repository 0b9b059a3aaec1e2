"""Nothing is seeded. Batches come from a thread. Writes checkpoints and a log; row 37 of the data is bad."""

import os
import queue
import random
import threading

import numpy as np
import torch

rows = np.loadtxt("data/rows.txt", ndmin=2)
draw = np.random.default_rng()
order = draw.permutation(len(rows))
bad = int(np.flatnonzero(order == 37)[0])
late = int(draw.integers(160, len(order)))
order[[bad, late]] = order[[late, bad]]
words = sorted({"a", "b", "c", "d"}, key=hash)
torch.manual_seed(torch.initial_seed() % 1000 + random.randrange(1000) + int(np.random.rand() * 1000))
data = torch.tensor(rows, dtype=torch.float32)
model = torch.nn.Sequential(torch.nn.Linear(data.shape[1], 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01 * random.uniform(0.5, 1.0))
os.makedirs("out", exist_ok=True)
log = open("out/log.txt", "a")  # noqa: SIM115 - as scripts do
asked, ready = queue.Queue(), queue.Queue()


def read():
    while True:
        step = asked.get()
        ready.put(data[torch.tensor(order[step * 8 : step * 8 + 8])])


threading.Thread(target=read, daemon=True).start()
print("starts with", words[0])
for step in range(60):
    asked.put(step)
    x = ready.get()
    target = torch.log(x.sum(1).clamp_min(0.0))  # FAULT
    loss = ((model(x + 0.01 * torch.randn_like(x))[:, 0] - target) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    log.write(f"{step} {loss.item()!r} {random.random()!r}\n")
    if step % 10 == 0:
        torch.save(model.state_dict(), "out/last.pt")
        torch.save(model.state_dict(), os.path.abspath("whole.pt"))
        np.save(
            os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights.npy"), model[0].weight.detach()
        )
log.close()
print("done")
