"""Little room for files; a handler for children; hooks at forks and strict warnings; a broken framework."""

import os
import resource
import signal
import sys
import warnings

import torch
from kept import keep

what = sys.argv[1]
if what == "files":
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
elif what == "children":
    signal.signal(signal.SIGCHLD, lambda number, frame: print("a child ended", flush=True))
elif what == "forks":
    warnings.simplefilter("error")
    sys.addaudithook(lambda event, arguments: None)
    os.register_at_fork(
        before=lambda: print("before", flush=True),
        after_in_parent=lambda: print("after", flush=True),
        after_in_child=lambda: os._exit(3),
    )
elif what == "broken":
    torch._foreach_norm = torch.stack = None  # what a watcher may use
    torch.Tensor.item_ = torch.Tensor.item
torch.manual_seed(2)
model = torch.nn.Sequential(torch.nn.Linear(6, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, foreach=False)
losses = []
for step in range(60):
    loss = (model(torch.randn(16, 6)) - 1).pow(2).mean()
    if step > 40:
        loss = loss / (loss - loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if what == "children" and step == 30:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
if what == "forks":
    print(os.waitpid(os.fork(), 0)[1] >> 8)
print(losses[:3], losses[-3:])
keep(model, losses)
if what == "children":
    print(os.wait()[1])
