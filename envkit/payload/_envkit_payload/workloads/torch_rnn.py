"""rnn: a language model of LSTM layers, trained on whole sequences with a fresh state."""

import torch
from torch import nn
from torch.nn import functional


class Model(nn.Module):
    def __init__(self, size):
        super().__init__()
        width = size["width"]
        self.embedding = nn.Embedding(size["vocabulary"], width)
        self.lstm = nn.LSTM(width, width, size["layers"], batch_first=True)
        self.head = nn.Linear(width, size["vocabulary"])
        nn.init.normal_(self.embedding.weight, std=0.1)
        for parameter in list(self.lstm.parameters()) + list(self.head.parameters()):
            if parameter.dim() == 1:
                nn.init.zeros_(parameter)
            else:
                nn.init.uniform_(parameter, -(width**-0.5), width**-0.5)
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias_hh"):  # it is added to bias_ih; Keras has only one
                parameter.requires_grad_(False)

    def forward(self, tokens):
        states, _ = self.lstm(self.embedding(tokens))
        return self.head(states)


def build(size):
    """The model, on the CPU."""
    return Model(size)


def inputs(size, batch, device):
    """Random tokens of one step."""
    return torch.randint(size["vocabulary"], (batch, size["length"]), device=device)


targets = inputs


def loss(model, inputs, targets):
    return functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
