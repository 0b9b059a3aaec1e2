"""Noise of machines: logarithms of rates of consecutive processes, none of which differs from the others."""

import math


def normal(rng, size):
    return [rng.gauss(0, 0.05) for _ in range(size)]


def heavy(rng, size):
    """Student's t with two degrees of freedom."""
    return [0.04 * rng.gauss(0, 1) / math.sqrt(rng.expovariate(1)) for _ in range(size)]


def outliers(rng, size):
    return [rng.gauss(0, 0.015) - (rng.expovariate(2.5) if rng.random() < 0.2 else 0) for _ in range(size)]


def drifting(rng, size):
    slope = rng.gauss(0, 0.02)
    return [rng.gauss(0, 0.02) + slope * place for place in range(size)]


def two_states(rng, size):
    """Now fast, now half as fast, each for ten processes on average."""
    slow, values = rng.random() < 0.5, []
    for _ in range(size):
        slow ^= rng.random() < 0.1
        values.append(rng.gauss(0, 0.02) + (math.log(0.5) if slow else 0))
    return values


ALL = (normal, heavy, outliers, drifting, two_states)


def sides(values):
    """Rates of A and B, started as A B B A A B B A."""
    pairs = [values[place : place + 2] for place in range(0, len(values), 2)]
    pairs = [pair[::-1] if turn % 2 else pair for turn, pair in enumerate(pairs)]
    return [math.exp(pair[0]) for pair in pairs], [math.exp(pair[1]) for pair in pairs]
