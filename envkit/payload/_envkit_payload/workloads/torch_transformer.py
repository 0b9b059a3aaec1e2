"""transformer: a decoder in the form of GPT-2, with tied embeddings and no dropout."""

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        width = size["width"]
        self.heads = size["heads"]
        self.before_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.before_mlp = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def attention(self, x):
        batch, length, width = x.shape
        parts = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.attended(mixed.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x):
        x = x + self.attention(self.before_attention(x))
        return x + self.down(functional.gelu(self.up(self.before_mlp(x)), approximate="tanh"))


class Model(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.tokens = nn.Embedding(size["vocabulary"], size["width"])
        self.positions = nn.Embedding(size["length"], size["width"])
        self.blocks = nn.ModuleList([Block(size) for _ in range(size["layers"])])
        self.last = nn.LayerNorm(size["width"])
        self.register_buffer("places", torch.arange(size["length"]), persistent=False)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                into_stream = name.endswith(("attended.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / ((2 * size["layers"]) ** 0.5 if into_stream else 1))

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(self.places)
        for block in self.blocks:
            x = block(x)
        return functional.linear(self.last(x), self.tokens.weight)


def build(size):
    """The model, on the CPU."""
    return Model(size)


def inputs(size, batch, device):
    """Random tokens of one step."""
    return torch.randint(size["vocabulary"], (batch, size["length"]), device=device)


targets = inputs


def loss(model, inputs, targets):
    return functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
