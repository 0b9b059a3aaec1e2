"""Runs in a real torch: the recipes of some models, and their operations done once more."""

import json
import sys

sys.path.insert(0, sys.argv[1])

import torch
import torch.nn.functional as F
from _envkit_payload import rehearsal
from _envkit_payload.watch.speed import graph
from torch import nn

torch.manual_seed(0)


class Words(nn.Module):
    """Every kind of operation with a row of its own but convolutions."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.rnn, self.gru = nn.LSTM(32, 32, batch_first=True), nn.GRU(32, 32)
        self.norm, self.qkv = nn.LayerNorm(32), nn.Linear(32, 96)
        self.head = nn.Linear(32, 50, bias=False)

    def forward(self, text):
        x, _ = self.rnn(self.embed(text))
        x, _ = self.gru(x)
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        x = x + F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], is_causal=True)[:, 0]
        x = x + torch.softmax(q @ k.transpose(1, 2), -1) @ v
        return self.head(F.dropout(F.gelu(x), 0.1))


def images():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, stride=2, groups=2), nn.GELU(), nn.ConvTranspose2d(16, 8, 2, stride=2),
        nn.Flatten(), nn.Linear(8 * 36, 10),
    )  # fmt: skip
    return model, F.cross_entropy(model(torch.randn(8, 3, 16, 16)), torch.zeros(8, dtype=torch.long))


def words():
    model, text = Words(), torch.randint(0, 50, (8, 12))
    return model, F.cross_entropy(model(text).flatten(0, 1), text.flatten())


def wide():
    model = nn.Sequential(nn.Linear(600, 600), nn.ReLU(), nn.Linear(600, 600)).double()
    return model, model(torch.randn(256, 600).double()).square().mean()


def job(made, **more):
    model, loss = made
    found = graph.Found()
    graph.walk([loss.grad_fn], found)
    sizes = [
        {"shape": list(one.shape), "dtype": str(one.dtype)[6:], "count": 1} for one in model.parameters()
    ]
    recipe = json.loads(json.dumps(found.recipe.told(1)))
    return {"recipe": recipe, "sizes": sizes, "optimizer": "Adam", "threads": 1, **more}


MODEL, UPDATE = {"parts": ["model"]}, {"parts": ["update"]}
NOW = {"parts": ["model", "update"]}
asked = {
    "images": job(images(), variants={
        "now": NOW, "autocast=bfloat16": {**MODEL, "autocast": "bfloat16"},
        "batch=32": {**MODEL, "rows": 4.0},
    }),
    "words": job(words(), variants={
        "now": {**NOW, "anomaly": True}, "anomaly=0": MODEL,
        "batch=32": {**MODEL, "anomaly": True, "rows": 4.0},
    }, depth=20),
    "wide": job(wide(), variants={
        "now": NOW, "dtype=float32": {**NOW, "dtype": "float32"}, "fused=1": {**UPDATE, "fused": True},
    }),
    "large": {
        **job(wide(), variants={"now": NOW, "fused=1": {**UPDATE, "fused": True}}),
        "sizes": [{"shape": [40_000, 40_000], "dtype": "float32", "count": 1}],
    },
    "unknown": {
        **job(wide(), variants={"now": NOW, "fused=1": {**UPDATE, "fused": True}}), "optimizer": "Lion",
    },
}  # fmt: skip
done = {
    name: {"kinds": [one["name"] for one in each["recipe"]], **rehearsal.rehearse(torch, each, "cpu")}
    for name, each in asked.items()
}
print(json.dumps(done))
