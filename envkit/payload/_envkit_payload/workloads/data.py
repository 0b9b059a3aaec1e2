"""Data that can be learnt, made without a framework: the same numbers in every one.

A lesson is a small training whose loss must fall to a stated level. An image is a coarse pattern of its
class under noise. A sequence follows one of two rules, and only its first token says which: who does not
remember that token cannot get below a loss of ln 2 = 0.69.
"""

import array
import gzip
import importlib.util
import os
import random

POOL = 8
"""Batches of a lesson; training goes through them again and again."""
MEAN = 5
"""Losses at the end of a lesson whose mean must not exceed what is demanded."""

_SGD = {"name": "sgd", "rate": 0.02, "momentum": 0.9}
_ADAMW = {"name": "adamw", "rate": 5e-3, "betas": (0.9, 0.95), "decay": 0.0}
_TOKENS = {"unit": "tokens", "vocabulary": 16, "width": 64, "length": 16}

LESSONS = {
    "mlp": {
        "size": {"inputs": 784, "hidden": 128, "classes": 10},
        "image": (1, 28, 7),
        "batch": 64,
        "steps": 40,
        "demanded": 0.5,
        "optimiser": _SGD,
    },
    "cnn": {
        "size": {"inputs": 32, "channels": (16, 32), "hidden": 128, "classes": 10},
        "image": (3, 32, 4),
        "batch": 16,
        "steps": 40,
        "demanded": 1.0,
        "optimiser": dict(_SGD, rate=2e-3),
    },
    "resnet50": {
        "size": {"inputs": 64, "classes": 10},
        "image": (3, 64, 4),
        "batch": 8,
        "steps": 24,
        "demanded": 1.0,
        "optimiser": dict(_SGD, rate=0.01),
    },
    "rnn": {
        "size": dict(_TOKENS, layers=1),
        "batch": 16,
        "steps": 60,
        "demanded": 0.5,
        "optimiser": dict(_ADAMW, rate=1e-2),
    },
    "transformer": {
        "size": dict(_TOKENS, layers=2, heads=2),
        "batch": 16,
        "steps": 60,
        "demanded": 0.5,
        "optimiser": _ADAMW,
    },
}
"""image: channels, side, cells of the pattern along a side. The demanded losses leave room: see tests."""

_DIGITS = {
    "size": {"inputs": 64, "hidden": 128, "classes": 10},
    "batch": 64,
    "steps": 80,
    "demanded": 1.0,
    "optimiser": _SGD,
}


class Lesson:
    """One short training.

    name: of the workload. data: `made` or `digits`. size: for the model (see shapes.py). optimiser: as in
    shapes.py. steps, demanded, mean: see LESSONS and MEAN.
    batches: (inputs, targets) of each; inputs an array of float32 ("f") or of int32 ("i") tokens in rows of
    `shape`, images channels first; targets an array of int32: a class a row, or a token a place.
    """

    mean = MEAN

    def __init__(self, name, data, rule, batches, shape):
        self.name, self.data, self.batches, self.shape = name, data, batches, shape
        self.size, self.optimiser = rule["size"], rule["optimiser"]
        self.batch, self.steps, self.demanded = rule["batch"], rule["steps"], rule["demanded"]


def lessons(name, seed):
    """The lessons of a workload: made data, and for the mlp the digits that scikit-learn brings along."""
    rule, rng = LESSONS[name], random.Random(seed)
    if "image" in rule:
        channels, side, cells = rule["image"]
        made = images(rng, rule["batch"], channels, side, cells, rule["size"]["classes"])
        shape = (channels, side, side) if name != "mlp" else (side * side,)
    else:
        made = sequences(rng, rule["batch"], rule["size"]["length"], rule["size"]["vocabulary"])
        shape = (rule["size"]["length"],)
    found = [Lesson(name, "made", rule, made, shape)]
    if name == "mlp":
        made = digits(rng, _DIGITS["batch"])
        if made:
            found.append(Lesson(name, "digits", _DIGITS, made, (64,)))
    return found


def images(rng, batch, channels, side, cells, classes):
    """Batches of images, values about -2 to 2, and their classes."""
    patterns = [_pattern(rng, channels, side, side // cells) for _ in range(classes)]
    # Uniform noise of variance 1, from bytes: a call of the generator for each value would take seconds.
    noise = [(byte - 127.5) / 73.9 for byte in range(256)]
    made = []
    for _ in range(POOL):
        labels = [rng.randrange(classes) for _ in range(batch)]
        values = array.array("f")
        for label in labels:
            pattern = patterns[label]
            values.extend([noise[byte] + level for byte, level in zip(rng.randbytes(len(pattern)), pattern)])
        made.append((values, array.array("i", labels)))
    return made


def _pattern(rng, channels, side, cell):
    """Squares of +-0.5, flattened."""
    flat = []
    for _ in range(channels):
        for _ in range(0, side, cell):
            row = []
            for _ in range(0, side, cell):
                row += [rng.choice((-0.5, 0.5))] * cell
            flat += row * cell
    return flat


def sequences(rng, batch, length, vocabulary):
    """Batches of token sequences and their next tokens.

    The first token is 0 or 1 and chooses one of two random permutations of the others; each further token
    is what the permutation makes of the one before.
    """
    rules = []
    for _ in range(2):
        order = list(range(2, vocabulary))
        rng.shuffle(order)
        rules.append([0, 0, *order])
    made = []
    for _ in range(POOL):
        inputs, targets = array.array("i"), array.array("i")
        for _ in range(batch):
            chosen = rng.randrange(2)
            tokens = [chosen, rng.randrange(2, vocabulary)]
            while len(tokens) <= length:
                tokens.append(rules[chosen][tokens[-1]])
            inputs.extend(tokens[:length])
            targets.extend(tokens[1:])
        made.append((inputs, targets))
    return made


def digits(rng, batch):
    """Batches of scikit-learn's 8x8 digits, pixels scaled to -1..1; [] where it is not installed.

    Its data file is read, not its package: that takes seconds to import.
    """
    found = importlib.util.find_spec("sklearn")
    folder = os.path.dirname(found.origin) if found is not None and found.origin else ""
    path = os.path.join(folder, "datasets", "data", "digits.csv.gz")
    if not folder or not os.path.isfile(path):
        return []
    with gzip.open(path, "rt", encoding="ascii") as file:
        rows = [[float(part) for part in line.split(",")] for line in file]
    rng.shuffle(rows)
    made = []
    for start in range(0, len(rows) - batch + 1, batch):
        part = rows[start : start + batch]
        values = array.array("f", [pixel / 8 - 1 for row in part for pixel in row[:64]])
        made.append((values, array.array("i", [int(row[64]) for row in part])))
    return made
