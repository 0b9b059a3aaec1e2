"""A fault of ours in one of the things that are seen: that one is missing, and nothing else happens."""

from .. import signals


class Guard:
    """Of one of these things."""

    def __init__(self, recorder, name):
        self._recorder = recorder
        self._name = name
        self.off = False

    def failed(self, error):
        """Say so once, from a handler of the exception; one of the script's signal handlers goes on to it."""
        if signals.raised(error):
            raise error
        self.told(error)

    def told(self, error):
        """Say so once."""
        if not self.off:
            self.off = True
            what = "{}: {}: {}".format(self._name, type(error).__name__, str(error)[:200])
            self._recorder("blind", what=what)

    def __call__(self, function):
        """A function that is called as long as nothing failed."""
        recorder = self._recorder

        def hook(*given):
            if self.off or not recorder.on:
                return
            try:
                function(*given)
            except Exception as error:
                self.failed(error)

        return hook
