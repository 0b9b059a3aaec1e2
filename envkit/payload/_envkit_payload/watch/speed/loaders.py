"""torch's data loaders, and how long the training waited for each of them.

Loaders of the same place and settings, one after the other, are one: some scripts make one each epoch.
"""

import sys
import weakref
from _thread import get_ident

from .. import frames, weave

_MOST = 64
"""Loaders that are told of; the others count as the last one."""
_PIDS = 64
"""Newest workers of a loader, by their numbers."""
_SIMPLE = 80
"""Bytes of code of a `__len__` that does nothing but look something up."""
_SAYING = {"print", "open", "sleep", "input", "write", "info", "debug", "warning"}


class Entry:
    """One loader. Counters are of this process."""

    def __init__(self, number, fields, key):
        self.number = number
        self.fields = fields
        self.key = key
        """What loaders have in common of which one comes after the other."""
        self.loader = None
        """The newest of them, as a weak reference."""
        self.batches = self.epochs = 0
        self.waited = self.first_waits = 0.0
        self.since = 0.0
        """When the newest waiting began."""
        self.first = False
        """Whether its next batch is the first of an epoch."""
        self.yielded = 0
        """Batches that its iterator had given when it was asked for the next one."""
        self.given = False
        """Whether it gave one since the newest backward pass and has more."""
        self.trained = self.newest = 0
        """Times that a backward pass followed one of its batches; those where it was the newest of all."""
        self.pids = []

    def line(self, alone):
        """Fields of its line. alone: no loader is known to be trained on."""
        trained = self.newest > 0 or (self.trained > 0 and 2 * self.trained >= self.batches)
        return dict(
            self.fields,
            number=self.number,
            batches=self.batches,
            epochs=self.epochs,
            waited=round(self.waited, 6),
            first_waits=round(self.first_waits, 6),
            training=alone or trained,
            pids=list(self.pids),
        )


class Loaders:
    """Told of each iterator and of each batch; `write` may be called by another thread."""

    def __init__(self, torch, watch, recorder, guard):
        """watch: has the phases, and the number of backward passes."""
        self._torch = torch
        self._watch = watch
        self._phases = watch.phases
        self._recorder = recorder
        self._guard = guard
        self._made = weakref.WeakKeyDictionary()
        """Where the loaders were made."""
        self._entries = []
        self._known = weakref.WeakKeyDictionary()
        """Entries by loader."""
        self._newest = None
        self._backwards = 0
        self._written = {}
        self.begun = None
        """The entry whose iterator is made now: what workers that are forked then belong to."""
        self.wanted, self.over = self._each()
        """Called by an iterator before and after each batch, with itself."""

    def install(self):
        """Be told where loaders are made and when an epoch begins."""
        kind = self._torch.utils.data.DataLoader
        parts = self._is_made, self._begins, self._began, self._is_begun
        made, begins, began, begun = map(self._guard, parts)
        weave.around(kind, "__init__", after=lambda out, loader, *_, **__: made(loader))
        weave.around(kind, "__iter__", before=begins, after=began, last=begun)

    def _is_made(self, loader):
        self._made[loader] = frames.users()

    def _begins(self, loader):
        """Its iterator is going to be made, workers perhaps started."""
        entry = self._entry(loader)
        self.begun = entry
        entry.first = True
        entry.epochs += 1
        if self._phases.mine():
            self._phases.begin("wait")
            entry.since = self._phases.since

    def _began(self, iterator, loader):
        entry = self.begun
        if entry is None or not hasattr(iterator, "__dict__"):
            return
        iterator.__dict__["_envkit_entry"] = entry
        for worker in getattr(iterator, "_workers", ()):
            if worker.pid is not None and worker.pid not in entry.pids:
                entry.pids.append(worker.pid)
        del entry.pids[:-_PIDS]

    def _is_begun(self, loader):
        entry, self.begun = self.begun, None
        phases = self._phases
        if entry is not None and phases.now == "wait" and phases.mine():
            phases.end("wait")
            entry.waited += phases.since - entry.since
            entry.first_waits += phases.since - entry.since

    def _each(self):
        """What is done for each batch, in as few instructions as it can be."""
        phases, watch, recorder, guard = self._phases, self._watch, self._recorder, self._guard

        def wanted(iterator):
            if guard.off or not recorder.on:
                return
            try:
                if get_ident() == phases.thread:
                    phases.begin("wait")
                entry = iterator.__dict__.get("_envkit_entry")
                if entry is not None:
                    entry.since, entry.yielded = phases.since, iterator._num_yielded
                if watch.backwards != self._backwards:
                    self._trained(watch.backwards)
            except Exception as error:
                guard.failed(error)

        def over(iterator):
            if guard.off or not recorder.on:
                return
            try:
                entry = iterator.__dict__.get("_envkit_entry")
                if entry is None:
                    phases.end("wait")
                    return
                if phases.now == "wait" and get_ident() == phases.thread:
                    phases.end("wait")
                    entry.waited += phases.since - entry.since
                    if entry.first:
                        entry.first_waits += phases.since - entry.since
                entry.first = False
                if iterator._num_yielded != entry.yielded:
                    entry.batches += 1
                    entry.given = True
                    self._newest = entry
                else:  # the epoch is over
                    entry.given = False
                    if self._newest is entry:
                        self._newest = None
            except Exception as error:
                guard.failed(error)

        return wanted, over

    def _trained(self, done):
        """There were backward passes since the last time that a batch was asked for."""
        self._backwards = done
        if self._newest is not None:
            self._newest.newest += 1
        for entry in self._entries:
            if entry.given:
                entry.given = False
                entry.trained += 1

    def _entry(self, loader):
        entry = self._known.get(loader)
        if entry is None:
            fields = self._fields(loader)
            parts = "stack", "workers", "batch_size", "dataset", "length"
            key = str([fields[one] for one in parts])
            # Those that are there at once are several: a library may make them on one line.
            gone = (one for one in self._entries if one.key == key and one.loader() is None)
            entry = next(gone, None)
            if entry is None and len(self._entries) < _MOST:
                entry = Entry(len(self._entries), fields, key)
                self._entries.append(entry)
            elif entry is None:
                entry = self._entries[-1]
            entry.loader = weakref.ref(loader)
            self._known[loader] = entry
        return entry

    def _fields(self, loader):
        collate = getattr(loader, "collate_fn", None)
        batches = getattr(loader, "batch_sampler", None)
        size = getattr(loader, "batch_size", None)
        return {
            "type": "torch",
            "workers": loader.num_workers,
            "batch_size": size if size is not None else getattr(batches, "batch_size", None),
            "pin_memory": bool(loader.pin_memory),
            "persistent": bool(getattr(loader, "persistent_workers", False)),
            "prefetch": getattr(loader, "prefetch_factor", None),
            "drop_last": bool(loader.drop_last),
            "dataset": type(loader.dataset).__name__,
            "length": _length(loader.dataset),
            "streams": isinstance(loader.dataset, self._torch.utils.data.IterableDataset),
            "collate": _own(collate),
            "context": _context(loader) if loader.num_workers else None,
            "stack": self._made.get(loader, []),
        }

    def write(self):
        """Write the lines of those that were used since."""
        entries = list(self._entries)
        alone = not any(one.newest for one in entries)
        for entry in entries:
            state = entry.batches, entry.epochs, alone
            if self._written.get(entry.number) != state:
                self._written[entry.number] = state
                self._recorder("loader", **entry.line(alone))


def _length(dataset):
    """Samples of a dataset whose `__len__` does nothing else, or None."""
    code = getattr(getattr(type(dataset), "__len__", None), "__code__", None)
    simple = code is None or (len(code.co_code) <= _SIMPLE and not _SAYING.intersection(code.co_names))
    try:
        return len(dataset) if simple or not frames.is_users(code.co_filename) else None
    except Exception:  # it has none, or not yet
        return None


def _own(function):
    """The name of a function where it is the person's own."""
    inner = getattr(function, "func", function)  # of a functools.partial
    code = getattr(inner, "__code__", None) or getattr(
        getattr(type(inner), "__call__", None), "__code__", None
    )
    if code is None or not frames.is_users(code.co_filename):
        return None
    return getattr(inner, "__qualname__", type(inner).__name__)


def _context(loader):
    """How its workers start. Asking for it settles nothing."""
    context = getattr(loader, "multiprocessing_context", None)
    if context is None:
        context = sys.modules.get("multiprocessing")
    name = context.get_start_method(allow_none=True)
    return name or ("forkserver" if sys.version_info >= (3, 14) and sys.platform == "linux" else "fork")
