"""envkit: from a bare machine to a model that trains."""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers take for true, without the import of typing
    from envkit.notebook import watch as watch


def __getattr__(name: str) -> object:
    """`envkit.watch`, imported when it is asked for."""
    if name == "watch":
        from envkit.notebook import watch

        return watch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
