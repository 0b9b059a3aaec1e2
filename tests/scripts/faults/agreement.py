"""Helpers that the emotion scripts share."""

import torch


def centre(x):
    return x - x.mean(dim=-1, keepdim=True)


def correlation(a, b, eps=0.0):
    """Pearson's correlation along the last axis."""
    a, b = centre(a), centre(b)
    covariance = (a * b).sum(-1)
    spread = a.norm(dim=-1) * b.norm(dim=-1)
    return covariance / (spread + eps)  # FAULT


def correlation_loss(prediction, target, eps=0.0):
    return 1 - correlation(prediction, target, eps).mean()


def smooth(x, width=3):
    kernel = torch.ones(1, 1, width) / width
    return torch.nn.functional.conv1d(x.unsqueeze(1), kernel, padding=width // 2).squeeze(1)
