"""Two ranks train together; a sample that only rank 1 is given is poisoned.

`scatter`: rank 0 reads the data and hands out what the other one trains on.
"""

import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

STEPS = 40


def loaded(data):
    dataset = TensorDataset(data)
    return DataLoader(dataset, batch_size=8, sampler=DistributedSampler(dataset, shuffle=False))


def scattered(data):
    for rows in data.split(16):
        mine = torch.empty(8, 6)
        parts = [rows[0::2].contiguous(), rows[1::2].contiguous()]
        dist.scatter(mine, parts if dist.get_rank() == 0 else None)
        yield (mine,)


def main():
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    data = torch.rand(8 * STEPS * dist.get_world_size(), 6, generator=generator) + 0.1
    data[8 * STEPS + 101] = -1.0  # the sampler gives odd samples to rank 1
    batches = scattered(data) if "scatter" in sys.argv else loaded(data)
    torch.manual_seed(1)
    model = DistributedDataParallel(nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step, (x,) in enumerate(batches):
        target = torch.sqrt(x.sum(1))  # FAULT
        loss = ((model(x)[:, 0] - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        shown = loss.detach().clone()
        dist.all_reduce(shown)
        if rank == 0 and step % 10 == 0:
            print(step, shown.item() / 2)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
