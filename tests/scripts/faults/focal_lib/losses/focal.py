import torch
from torch import nn


class FocalLoss(nn.Module):
    """Focal loss on probabilities (Lin et al., 2017).

    alpha weighs the rare class, gamma plays down what is easy.
    """

    def __init__(self, alpha=0.75, gamma=2.0, epsilon=1e-8):
        super().__init__()
        self.alpha = alpha
        self.gamma = gamma
        self.epsilon = epsilon

    def forward(self, probability, target):
        p = probability.clamp(self.epsilon, 1.0 - self.epsilon)
        rare = -self.alpha * (1 - p).pow(self.gamma) * target * torch.log(p)
        common = -(1 - self.alpha) * p.pow(self.gamma) * (1 - target) * torch.log(1 - p)  # FAULT
        return (rare + common).mean()
