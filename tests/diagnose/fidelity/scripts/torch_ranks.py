"""Started by torchrun."""

import os
import sys

import torch
import torch.distributed as dist
from kept import keep

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(7)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
torch.manual_seed(rank)
losses = []
for _ in range(20):
    loss = (model(torch.randn(8, 4)) - 1).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
os.environ["RESULT"] += str(rank)
keep(model.module, losses)
dist.barrier()
if rank == 0:
    print(losses[-1], sys.argv[1:], {name: os.environ.get(name) for name in ("WORLD_SIZE", "PYTHONPATH")})
dist.destroy_process_group()
