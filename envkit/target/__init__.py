"""The target: which Python trains, and what our payload says from inside it."""

from envkit.target.deep import deep_probe
from envkit.target.locate import Target, locate
from envkit.target.probe import python_probe

__all__ = ["Target", "deep_probe", "locate", "python_probe"]
