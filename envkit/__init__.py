"""envkit: from a bare machine to a model that trains."""

__version__ = "0.1.0"
