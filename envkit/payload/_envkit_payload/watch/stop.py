"""`--stop-on-fault`: the script ends where something was not finite, once that was looked into."""

from . import environ


class Stopped(SystemExit):
    """Goes through the script as a call of sys.exit(1) does."""


def stop(recorder):
    """End the script where that was asked for; a copy that repeats a step and a script that is over go on."""
    if environ.get("ENVKIT_STOP") != "1" or recorder.copy or recorder.over:
        return
    recorder("stopped")
    raise Stopped(1)
