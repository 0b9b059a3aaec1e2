"""cnn: 3x32x32 images, two 3x3 convolutions with pooling, two linear layers."""

import torch
from torch import nn
from torch.nn import functional


def build(size):
    """The model, on the CPU."""
    one, two = size["channels"]
    model = nn.Sequential(
        nn.Conv2d(3, one, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(one, two, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(two * (size["inputs"] // 4) ** 2, size["hidden"]),
        nn.ReLU(),
        nn.Linear(size["hidden"], size["classes"]),
    )
    for layer in model:
        if hasattr(layer, "weight"):
            nn.init.normal_(layer.weight, std=(2 / layer.weight[0].numel()) ** 0.5)
            nn.init.zeros_(layer.bias)
    return model


def inputs(size, batch, device):
    """Random images of one step."""
    return torch.randn(batch, 3, size["inputs"], size["inputs"], device=device)


def targets(size, batch, device):
    """Random classes of one step."""
    return torch.randint(size["classes"], (batch,), device=device)


def loss(model, inputs, targets):
    return functional.cross_entropy(model(inputs), targets)
