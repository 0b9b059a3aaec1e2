"""A run that repeats an earlier one from its start: the same seeds, and one step looked at.

The host writes what is to be done into a file, `ENVKIT_AGAIN`: the processes of the first run with their
seeds, the step, and perhaps a change that is tried from the start. A process takes the entry that was its own
in the first run.
"""

import ctypes
import json
import os
import re
import signal
import sys
import time

from .. import environ
from ..copies import lone_rank

_WAIT = 20.0
"""Seconds that a rank waits for the others to come to the end of the step."""
_PR_SET_PDEATHSIG = 1

_NUMBERS = re.compile(r"\b(tracker_fd|pipe_handle|parent_pid)=\d+")

_plan = []
"""What this process is to do, once it took its entry."""
_stands = []


def load(folder):
    """This process's part of the plan as a dict, or None where it has none or nothing is repeated.

    folder: where traces go; a file there says that an entry is taken.
    """
    path = environ.get("ENVKIT_AGAIN")
    if not path:
        return None
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    _stands.append((plan["root"], plan["folders"]))
    _end_with_parent()
    own = _name(getattr(sys, "orig_argv", None) or [])
    for number, one in enumerate(plan["processes"]):
        same = _name(one["argv"]) == own and os.environ.get("RANK", one["rank"]) == one["rank"]
        if same and _first(os.path.join(folder, "taken-{}".format(number))):
            found = dict(plan, seed=one["seed"], folder=folder)
            _plan.append(found)
            return found
    return None


def plan():
    """What `load` found in this process, or None."""
    return _plan[0] if _plan else None


def _name(argv):
    """A command line without the numbers of descriptors that multiprocessing puts there."""
    return [_NUMBERS.sub("", one) for one in argv]


def repeats():
    """Whether this process belongs to a repetition, as one of the first run's or not."""
    return bool(_stands)


def stands():
    """Where the stand-ins of folders are: their root, and the folders."""
    return _stands[0]


def _first(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return True
    except FileExistsError:
        return False


def _end_with_parent():
    """Who started the repetition may be killed; then nothing of it is left."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        pass


class Again:
    """In the place of a `Travel`: arms the step that is asked for, and ends the process after it."""

    def __init__(self, torch, recorder):
        self.torch = torch
        self.recorder = recorder
        self._plan = plan()
        self._world = int(os.environ.get("WORLD_SIZE", "1"))
        self._tripped = False

    def begin(self, watch):
        """Nothing was trained yet."""
        watch.governor.always = True
        if self._plan.get("trial") is not None:
            from ..trial.trial import Trial

            order = {name: self._plan[name] for name in ("trial", "target", "more", "seconds")}
            watch.trial = Trial(self.torch, watch, order, lambda said: self._tried(watch, said))
            watch.trial.begin()

    def first(self, watch):
        """An optimiser was made: the first step may be the one."""
        lone_rank.tell(self.torch, self.recorder)
        self._arm_when_due(watch)

    def step_ended(self, watch, steps=1):
        """One step is done."""
        if self._tripped:
            self._end(watch)
        self._arm_when_due(watch)

    def _arm_when_due(self, watch):
        if watch.step != self._plan.get("arm_at") or watch.armed is not None or watch.trial is not None:
            return
        from ..armed.step import Armed

        watch.armed = Armed(self.torch, self.recorder, watch, lambda said: self._looked(watch, said))
        watch.armed.begin()

    def replay(self, watch, step, what):
        """Something is not finite in a step that is not looked at: another one than in the first run."""
        if watch.trial is not None:
            return
        self.recorder("again", state="failed" if what == "error" else "tripped", step=step)
        self._tripped = True
        if not lone_rank.is_one(self.torch):
            self._end(watch)

    def over(self, *more):
        """The script is over."""

    def possible(self):
        """No copies are made."""
        return False

    def drop(self):
        """There are no copies."""

    def _looked(self, watch, said):
        """The step was looked at. Returns where nothing was found, and the run goes on."""
        found, armed = json.loads(said), watch.armed
        if not armed.events and not armed.bad_gradients and found["state"] == "repeated":
            armed.end()
            watch.armed = None
            self.recorder("again", state="passed", step=watch.step)
            return
        from ..trial.choice import local

        changes = [{"name": name, "with": given} for name, given in local(found, watch.step)]
        if armed.events:
            self.recorder("candidates", changes=changes)
        self.recorder("again", state=found["state"], step=watch.step)
        self._end(watch)

    def _tried(self, watch, said):
        change = self._plan["trial"]
        self.recorder("trial", name=change["name"], **{"with": change.get("with", {})}, **json.loads(said))
        self._end(watch)

    def _end(self, watch):
        """This process has nothing more to do. With other ranks it waits until they, too, came so far."""
        watch.flush()
        if lone_rank.is_one(self.torch):
            self._meet()
        self.recorder("end")
        os._exit(0)

    def _meet(self):
        folder, ranks = self._plan["folder"], self.torch.distributed
        here = int(os.environ.get("LOCAL_WORLD_SIZE", ranks.get_world_size()))
        _first(os.path.join(folder, "met-{}".format(ranks.get_rank())))
        deadline = time.monotonic() + _WAIT
        while time.monotonic() < deadline:
            if sum(name.startswith("met-") for name in os.listdir(folder)) >= here:
                return
            time.sleep(0.02)
