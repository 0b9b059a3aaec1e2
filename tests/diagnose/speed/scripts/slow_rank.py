"""Started by torchrun: the data of the last rank takes longer to read than that of the others."""

import sys
import time

import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset):
    def __init__(self, pause):
        self.pause = pause
        self.x = torch.randn(4096, 32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        if self.pause:
            time.sleep(self.pause)  # as from a disk that is slower than the others'
        return self.x[index], self.x[index].sum()


dist.init_process_group("gloo")
torch.set_num_threads(1)
rank, last = dist.get_rank(), dist.get_world_size() - 1
pause = 0.004 if rank == last and "even" not in sys.argv else 0.0
torch.manual_seed(7)
model = torch.nn.parallel.DistributedDataParallel(
    torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loader = DataLoader(Rows(pause), batch_size=8, shuffle=True)
for steps, (x, y) in enumerate(loader, 1):
    loss = torch.nn.functional.mse_loss(model(x).squeeze(1), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if steps == 90:
        break
dist.barrier()
if rank == 0:
    print(f"loss {loss.item():.3f}")
dist.destroy_process_group()
