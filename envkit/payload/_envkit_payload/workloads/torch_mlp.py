"""mlp: 784-128-10 with ReLU, the smallest training that there is."""

import torch
from torch import nn
from torch.nn import functional


def build(size):
    """The model, on the CPU."""
    model = nn.Sequential(
        nn.Linear(size["inputs"], size["hidden"]),
        nn.ReLU(),
        nn.Linear(size["hidden"], size["classes"]),
    )
    for layer in (model[0], model[2]):
        nn.init.normal_(layer.weight, std=(2 / layer.in_features) ** 0.5)
        nn.init.zeros_(layer.bias)
    return model


def inputs(size, batch, device):
    """Random inputs of one step."""
    return torch.randn(batch, size["inputs"], device=device)


def targets(size, batch, device):
    return torch.randint(size["classes"], (batch,), device=device)


def loss(model, inputs, targets):
    return functional.cross_entropy(model(inputs), targets)
