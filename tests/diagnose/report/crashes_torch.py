"""Mistakes that end a torch program, run one after another: prints what the watcher would write of each.

python crashes_torch.py [NAME...]
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "envkit" / "payload"))

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from _envkit_payload.watch.ending import crash
from torch.utils.data import DataLoader


class Net(nn.Module):
    def __init__(self, features, channels=1):
        super().__init__()
        self.conv = nn.Conv2d(channels, 6, 5)
        self.fc1 = nn.Linear(features, 120)
        self.out = nn.Linear(120, 10)

    def forward(self, x, flat=True):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        if flat:
            x = x.flatten(1)
        return self.out(F.relu(self.fc1(x)))


def linear_features():
    Net(400)(torch.zeros(8, 1, 28, 28))


def not_flattened():
    Net(864)(torch.zeros(8, 1, 28, 28), flat=False)


def conv_channels():
    Net(864)(torch.zeros(8, 3, 28, 28))


def channels_last():
    Net(864)(torch.zeros(8, 28, 28, 1))


def no_channel():
    Net(864)(torch.zeros(8, 28, 28))


def flat_images():
    Net(864)(torch.zeros(8, 784))


def kernel_too_large():
    nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(4), nn.Conv2d(4, 4, 5))(torch.zeros(2, 1, 12, 12))


def pooled_away():
    nn.Sequential(nn.MaxPool2d(4), nn.MaxPool2d(4))(torch.zeros(2, 1, 12, 12))


def batch_norm():
    nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(6))(torch.zeros(2, 1, 12, 12))


def batch_norm_dimensions():
    nn.BatchNorm2d(6)(torch.zeros(2, 6))


def layer_norm():
    nn.LayerNorm(256)(torch.zeros(4, 128))


def lstm_input():
    nn.LSTM(10, 32, batch_first=True)(torch.zeros(4, 7, 20))


def lstm_hidden():
    nn.LSTM(10, 32, batch_first=True)(torch.zeros(4, 7, 10), (torch.zeros(1, 5, 32), torch.zeros(1, 5, 32)))


def batches_differ():
    logits = torch.zeros(8, 20).view(-1, 10)
    F.cross_entropy(logits, torch.zeros(8, dtype=torch.long))


def label_from_one():
    F.cross_entropy(torch.zeros(3, 10), torch.tensor([1, 5, 10]))


def label_too_large():
    nn.CrossEntropyLoss()(torch.zeros(3, 10), torch.tensor([0, 5, 11]))


def embedding_rows():
    nn.Sequential(nn.Embedding(100, 32), nn.Linear(32, 2))(torch.tensor([[5, 120]]))


def one_hot_targets():
    F.cross_entropy(torch.zeros(3, 10), torch.zeros(3, 1, dtype=torch.long))


def bce_shapes():
    F.binary_cross_entropy_with_logits(torch.zeros(8, 1), torch.zeros(8))


def bce_logits():
    F.binary_cross_entropy(torch.full((8, 1), 3.0), torch.zeros(8, 1))


def broadcast():
    prediction, target = torch.zeros(8, 10), torch.zeros(8, 5)
    (prediction - target).sum()


def own_matmul():
    x, w = torch.zeros(8, 3), torch.zeros(5, 3)
    x @ w


def concatenated():
    torch.cat([torch.zeros(4, 10), torch.zeros(4, 5)], 0)


def viewed():
    x = torch.zeros(8, 16, 5, 5)
    x.view(8, 256)


def collated():
    samples = [torch.zeros(3, 32, 32), torch.zeros(1, 32, 32)]
    list(DataLoader(samples, batch_size=2))


def worker():
    samples = [torch.zeros(7), torch.zeros(9)]
    list(DataLoader(samples, batch_size=2, num_workers=1))


def worker_resizes():
    row = torch.tensor([1.0, 2.0, 3.0])
    list(DataLoader([row, row[:2].clone(), row], batch_size=3, num_workers=1))


def state_dict():
    nn.Linear(4, 2).load_state_dict(nn.Linear(4, 3).state_dict())


def labels_float():
    F.cross_entropy(torch.zeros(3, 10), torch.zeros(3))


def labels_int32():
    F.nll_loss(torch.zeros(3, 10), torch.zeros(3, dtype=torch.int32))


def float64_input():
    x = torch.from_numpy(np.zeros((4, 3)))
    nn.Linear(3, 2)(x)


def loss_dtype():
    model = nn.Linear(3, 1)
    F.mse_loss(model(torch.zeros(4, 3)), torch.from_numpy(np.zeros((4, 1)))).backward()


def bytes_input():
    nn.Conv2d(1, 2, 3)(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))


def no_grad_loss():
    with torch.no_grad():
        loss = nn.Linear(3, 1)(torch.zeros(4, 3)).sum()
    loss.backward()


def twice():
    x = torch.ones(3, requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    loss.backward()


def in_place():
    x = torch.ones(3, requires_grad=True)
    y = x.exp()
    y += 1
    y.sum().backward()


def not_scalar():
    (torch.ones(3, requires_grad=True) * 2).backward()


def empty_optimizer():
    torch.optim.SGD([nn.Linear(2, 2)][0:0], lr=0.1)


def not_a_leaf():
    torch.optim.SGD([torch.ones(3, requires_grad=True) * 2], lr=0.1)


def one_in_batch_norm():
    nn.BatchNorm1d(8)(torch.zeros(1, 8))


def numpy_broadcast():
    a, b = np.zeros((8, 10)), np.zeros((8, 5))
    a + b


def attention():
    nn.MultiheadAttention(512, 8)(torch.zeros(3, 2, 256), torch.zeros(3, 2, 256), torch.zeros(3, 2, 256))


def einsum():
    torch.einsum("ij,jk->ik", torch.zeros(2, 3), torch.zeros(4, 5))


def not_imported():
    exec("plt.figure()", {})


def other_framework():
    keras_way = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
    keras_way.apply_gradients([])


def out_of_memory():
    kept = [torch.zeros(1000, requires_grad=True).sum() for _ in range(200)]
    weights = nn.Linear(100, 100)
    optimizer = torch.optim.Adam(weights.parameters())
    weights(torch.zeros(1, 100)).sum().backward()
    optimizer.step()
    torch.zeros(1 << 46)
    return kept


def none_of_ours():
    {}["missing"]


CASES = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", "") == "__main__" and name[0].islower()
}


def main():
    for name in sys.argv[1:] or CASES:
        try:
            CASES[name]()
        except Exception as error:
            print(json.dumps({"case": name, **crash.seen(error)}))
        else:
            print(json.dumps({"case": name, "error_type": None}))


if __name__ == "__main__":
    main()
