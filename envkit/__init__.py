"""envkit: from a bare machine to a model that trains."""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`envkit.watch`, loaded when it is asked for; nothing else of envkit depends on it."""
    if name == "watch":
        import importlib

        return importlib.import_module("envkit.notebook").watch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
