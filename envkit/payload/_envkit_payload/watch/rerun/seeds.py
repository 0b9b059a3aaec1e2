"""Random numbers of a script that does not seed: from one number of ours, so that a run can be repeated.

Python, numpy and torch seed themselves from the operating system when they are imported, and numpy again for
every `default_rng()` without a seed. Here these first seeds are derived from one random number a process,
which the trace keeps. What the script seeds itself is its own. `secrets`, `os.urandom` and `uuid` are left
alone.
"""

import os
import sys

_BITS = 128


class Source:
    """Seeds of one process, in the order in which they are asked for."""

    def __init__(self, root, ours=lambda: False, shift=0):
        """root: text. ours: says whether a forked process is a copy that goes on as this one would have.

        shift: added to the seeds that the script sets itself, for a run with other random numbers.
        """
        self.root = root
        self._shift = shift
        self._ours = ours
        self._pid = os.getpid()
        self._counts = {}

    def bits(self, name, count=_BITS):
        """The next number of `count` bits for a use."""
        label = "" if os.getpid() == self._pid or self._ours() else _child()
        key = name + label
        number = self._counts[key] = self._counts.get(key, -1) + 1
        value, made = 0, 0
        while made < count:
            text = "{}/{}/{}/{}".format(self.root, key, number, made)
            value = value << 256 | int.from_bytes(_sha256(text.encode()).digest(), "big")
            made += 256
        return value >> (made - count)

    def hooks(self):
        """What is done after the import of each module that has a generator of its own."""
        return {"random": self._python, "numpy.random": self._numpy}

    def _python(self, random):
        """`random`, and every `Random()` or `seed()` without a seed."""
        from .. import weave

        weave.changed(random.Random, "seed", "a", self._python_seed)
        random._inst.seed()

    def _python_seed(self, given):
        if given is None:
            return self.bits("python", 256)
        return given + self._shift if self._shift and isinstance(given, int) else given

    def _numpy(self, module):
        """`np.random.*`, and every generator without a seed."""
        drawn = sys.modules.get("numpy.random.bit_generator")
        if hasattr(drawn, "randbits"):
            drawn.randbits = lambda count: self.bits("numpy", count)
            module.seed()
        if self._shift:
            for name in ("seed", "default_rng"):
                setattr(module, name, self._shifted(getattr(module, name)))

    def torch(self, torch):
        """The generators that torch seeds itself, on devices when they are first used."""
        torch.default_generator.manual_seed(self.bits("torch", 63))
        plain = torch.seed

        def seed():
            value = self.bits("torch", 63)
            torch.manual_seed(value)
            return value

        seed.__doc__, seed.__qualname__, seed.__module__ = plain.__doc__, plain.__qualname__, plain.__module__
        torch.seed = torch.random.seed = seed
        if self._shift:
            torch.manual_seed = torch.random.manual_seed = self._shifted(torch.manual_seed)
        if hasattr(torch.cuda, "_lazy_call"):
            torch.cuda._lazy_call(lambda: self._devices(torch))

    def _shifted(self, plain):
        def call(seed=None, *args, **kwargs):
            return plain(seed + self._shift if isinstance(seed, int) else seed, *args, **kwargs)

        return call

    def _devices(self, torch):
        for generator in torch.cuda.default_generators:
            generator.manual_seed(self.bits("cuda", 63))


def fresh():
    """A root for a run that is no repetition."""
    return os.urandom(16).hex()


def _child():
    """What tells a forked worker from its siblings: torch's seed of a loader's worker, else its number."""
    worker = getattr(sys.modules.get("torch.utils.data._utils.worker"), "_worker_info", None)
    return "/{}".format(os.getpid()) if worker is None else "/worker {}".format(worker.seed)


def _sha256(data):
    """Without `hashlib`, which the script has not imported."""
    try:
        from _sha256 import sha256
    except ImportError:  # Python 3.12 and later
        try:
            from _sha2 import sha256
        except ImportError:
            from hashlib import sha256
    return sha256(data)
