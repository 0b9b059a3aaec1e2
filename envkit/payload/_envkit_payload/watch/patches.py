"""What the watcher puts in place of things of the framework, so that it can be taken away again."""

_done = []
"""Functions that undo, the newest last."""


def put(owner, name, value):
    """Set an attribute; `undo` sets back what was there."""
    before = getattr(owner, name)
    _done.append(lambda: setattr(owner, name, before))
    setattr(owner, name, value)


def keep(handle):
    """Remember a hook's handle, which has `remove()`."""
    _done.append(handle.remove)


def later(taken_away):
    """Remember a function that takes something of ours away."""
    _done.append(taken_away)


def undo():
    """Take all away."""
    while _done:
        _done.pop()()
