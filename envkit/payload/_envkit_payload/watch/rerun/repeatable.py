"""What makes a run one that can be repeated, and one that repeats: put in place before the script runs."""

from .. import environ
from . import seeds


def prepare(recorder, folder):
    """Take the plan of a repetition, if this is one; else see what the script reaches, if it may be repeated.

    folder: where traces go. Returns the root of this process's random numbers, and what is to be done after
    the import of each module, by its name.
    """
    plan, stands = _plan(folder)
    root, shift = (seeds.fresh(), 0) if plan is None else (plan["seed"], plan.get("shift", 0))
    source = seeds.Source(root + "/other" * shift, lambda: recorder.copy, shift)
    told = None
    if stands is not None:
        from . import moved

        stands = moved.Moved(*stands)
        stands.begin()
        told = stands.path
    elif environ.get("ENVKIT_TRY"):
        from . import audit

        looks = audit.Audit(recorder, folder)
        looks.begin()
        told = looks.saves

    def torch(module):
        source.torch(module)
        if told is not None:
            from . import audit

            audit.saves(module, told)

    def safetensors(module):
        if told is not None:
            from . import audit

            audit.saves_tensors(module, told)

    return source.root, {**source.hooks(), "torch": torch, "safetensors": safetensors}


def _plan(folder):
    """This process's part of the plan of a repetition, and where stand-ins of folders are; else None."""
    if not environ.get("ENVKIT_AGAIN"):
        return None, None
    from . import again

    return again.load(folder), again.stands()
