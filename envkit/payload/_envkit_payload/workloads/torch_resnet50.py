"""resnet50: He et al., arXiv:1512.03385, version 1.5 (the stride is in the 3x3 convolution)."""

import torch
from torch import nn
from torch.nn import functional

from .flops import STAGES


class Bottleneck(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.narrow = nn.Conv2d(channels, width, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.across = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.widen = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(4 * width)
        nn.init.zeros_(self.norm3.weight)  # a block begins as the identity
        self.shortcut = None
        if channels != 4 * width:
            projection = nn.Conv2d(channels, 4 * width, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(4 * width))

    def forward(self, x):
        straight = x if self.shortcut is None else self.shortcut(x)
        x = functional.relu(self.norm1(self.narrow(x)), inplace=True)
        x = functional.relu(self.norm2(self.across(x)), inplace=True)
        return functional.relu(self.norm3(self.widen(x)) + straight, inplace=True)


def build(size):
    """The model, on the CPU."""
    layers = [
        nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1),
    ]
    channels = 64
    for width, blocks, stride in STAGES:
        for block in range(blocks):
            layers.append(Bottleneck(channels, width, stride if block == 0 else 1))
            channels = 4 * width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, size["classes"])]
    model = nn.Sequential(*layers)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
    nn.init.normal_(model[-1].weight, std=0.01)
    nn.init.zeros_(model[-1].bias)
    return model


def inputs(size, batch, device):
    """Random images of one step."""
    return torch.randn(batch, 3, size["inputs"], size["inputs"], device=device)


def targets(size, batch, device):
    """Random classes of one step."""
    return torch.randint(size["classes"], (batch,), device=device)


def loss(model, inputs, targets):
    return functional.cross_entropy(model(inputs), targets)
