"""The tf.data pipelines that a script takes batches from: what they are made of, and where."""

import sys
import time
import weakref

from .. import frames, weave
from . import tf_stages

_LOADERS = 32


class Pipelines:
    """Data sets by the iterators that were made of them."""

    def __init__(self, tf, recorder, phases, guarded, trained):
        """trained: tells how many updates were made so far."""
        self._tf = tf
        self._trained = trained
        self._recorder = recorder
        self._phases = phases
        self._guarded = guarded
        self._made = weakref.WeakKeyDictionary()
        """Where the person made a data set."""
        self._known = weakref.WeakKeyDictionary()
        """What the trace says of a data set."""
        self._all = {}
        """The same by what it says: a pipeline that is made anew for each epoch is one."""
        self._of = weakref.WeakKeyDictionary()
        """The data set's record by iterator."""
        self._first = weakref.WeakKeyDictionary()
        """Iterators that gave nothing yet."""
        self._uses = {}
        """Batches by what came after them: [an update, none, updates until then], by number."""
        self._since = 0.0
        self._starts = False
        """Whether an iterator is being made."""
        self._starting = None
        """When the newest one was made, until its first batch is taken."""
        self._gone = {}
        """Weak references to iterators, by id."""
        self._ends = None
        """(when, record) of an iterator that is being taken away."""
        self._changed = False
        self.given = weakref.WeakKeyDictionary()
        """What the script gave to Keras, by the data set that Keras made of it: fields."""
        self.newest = None
        """The record of the pipeline that was begun last, of those that are trained on."""

    def install(self, clock):
        """See data sets made, and batches taken."""
        from tensorflow.python.data.ops import dataset_ops, iterator_ops

        kind = iterator_ops.OwnedIterator
        made, begins, begun = (self._guarded(one) for one in (self._dataset, self._begins, self._begun))
        weave.around(dataset_ops.DatasetV2, "__init__", after=lambda out, dataset, *_, **__: made(dataset))
        weave.around(
            kind, "__init__", before=lambda iterator, dataset=None, *_, **__: begins(dataset),
            after=lambda out, iterator, dataset=None, *_, **__: begun(iterator, dataset),
            last=lambda iterator, dataset=None, *_, **__: self._over(),
        )  # fmt: skip
        self._around_next(kind, clock)

    def _around_next(self, kind, clock):
        eager, phases, recorder = self._tf.executing_eagerly, self._phases, self._recorder
        taken, stamped = self._guarded(self._took), self._stamped(clock)

        def before(iterator):
            if not recorder.on:
                return
            if not eager():
                stamped(True)
            elif phases.mine():
                self._since = time.perf_counter()
                phases.begin("wait")

        def after(found, iterator):
            if recorder.on and eager() and phases.mine():
                taken(iterator, found)

        def last(iterator):
            if not eager():
                stamped(False)
            elif phases.now == "wait" and phases.mine():
                phases.end("wait")

        weave.around(kind, "_next_internal", before=before, after=after, last=last)
        weave.around(kind, "get_next_as_optional", before=before, after=after, last=last)

    def _stamped(self, clock):
        """What has TensorFlow's own functions note the time while a batch is taken in a graph."""
        from tensorflow.python.ops import gen_dataset_ops

        names = "iterator_get_next", "iterator_get_next_as_optional"
        plain = {name: getattr(gen_dataset_ops, name) for name in names}
        eager = self._tf.executing_eagerly

        def made(name):
            def take(*args, **kwds):
                if eager() or not self._recorder.on:
                    return plain[name](*args, **kwds)
                return clock.take(plain[name], args, kwds)

            return take

        ours = {name: made(name) for name in names}

        def stamped(on):
            for name in names:
                setattr(gen_dataset_ops, name, ours[name] if on else plain[name])

        return stamped

    def _dataset(self, dataset):
        if self._recorder.on and self._phases.mine():
            self._made[dataset] = frames.users(4)

    def _begins(self, dataset):
        """An iterator is going to be made, which starts the pipeline's threads."""
        if dataset is not None and self._tf.executing_eagerly() and self._phases.mine():
            self._starts = True
            self._since = time.perf_counter()
            self._phases.begin("wait")

    def _over(self):
        if self._starts and self._phases.mine():
            self._starts = False
            self._phases.end("wait")

    def _begun(self, iterator, dataset):
        if not self._starts or not self._phases.mine():
            return
        known = self._known.get(dataset)
        if known is None:
            fields = self._described(dataset)
            key = str((fields["stack"], fields["type"], fields["options"], fields["batch_size"]))
            if key not in self._all and len(self._all) >= _LOADERS:
                return
            known = self._known[dataset] = self._all.setdefault(key, fields)
        known["epochs"] += 1
        now = time.perf_counter()
        self._add(known, now - self._since, first=True)
        self._starting = now
        self._gone[id(iterator)] = weakref.ref(iterator, self._goes(known, id(iterator)))
        self._of[iterator], self._first[iterator] = known, True
        if known["training"]:
            self.newest = known
        self._changed = True

    def _described(self, dataset):
        fields = {"number": len(self._all), "type": "tf.data", "batches": 0, "epochs": 0}
        fields["waited"] = fields["first_waits"] = 0.0
        stages = list(tf_stages.stages(dataset))
        fields["options"] = tf_stages.options(stages)
        if tf_stages.made_ahead(dataset):
            fields["options"]["prefetch_last"] = True
        fields["batch_size"] = next(
            (size for one in stages if (size := tf_stages.number(one, "_batch_size")) is not None), None
        )
        fields["stack"] = next((made for one in stages if (made := self._made.get(one))), None) or []
        fields["training"] = not tf_stages.evaluates()
        fields["streams"] = "generator" in fields["options"]["stages"].split()
        sources = [one for one in stages if not one._inputs()]
        fields["dataset"] = type(sources[0]).__name__.strip("_") if sources else None
        for one in stages:
            given = self.given.get(one)
            if given is not None:
                fields.update({name: value for name, value in given.items() if name != "options"})
                fields["options"].update(given["options"])
        return fields

    def _took(self, iterator, found):
        known = self._of.get(iterator)
        if known is None:
            return
        if known["batch_size"] is None:
            shape = getattr(self._tf.nest.flatten(found)[0], "shape", None)
            known["batch_size"] = int(shape[0]) if shape is not None and shape.rank else 0
        seconds = time.perf_counter() - self._since
        self._add(known, seconds, self._first.pop(iterator, False))
        known["batches"] += 1
        now = self._trained()
        use = self._uses.setdefault(known["number"], [0, 0, now])
        use[0 if now > use[2] else 1] += 1
        use[2] = now
        known["training"] = use[0] >= use[1] or sum(use[:2]) < 3

    def waited(self, found):
        """Batches were taken within graphs: (end, seconds) of waiting for each."""
        known = self.newest
        if known is None or not found:
            return
        known["batches"] += len(found)
        for ended, seconds in found:
            first = self._starting is not None and ended > self._starting
            if first:
                self._starting = None
            self._add(known, seconds, first)

    def _add(self, known, seconds, first):
        known["waited"] = round(known["waited"] + seconds, 6)
        if first:
            known["first_waits"] = round(known["first_waits"] + seconds, 6)
        self._changed = True

    def _goes(self, known, number):
        """What is done when an iterator is taken away: its threads end, and Keras' loop waits for them."""

        phases, recorder = self._phases, self._recorder

        def told(_):
            self._gone.pop(number, None)
            try:
                code = sys._getframe(1).f_code
            except (ValueError, AttributeError, TypeError):  # the interpreter ends
                return
            if not recorder.on or recorder.over:
                return
            if code.co_name == "fit" and code.co_filename.endswith("trainer.py") and phases.mine():
                if self._ends is None and phases.now == "other":
                    self._ends = time.perf_counter(), known
                    phases.begin("wait")

        return told

    def ended(self):
        """What comes next begins: the iterator that was taken away is gone."""
        since, known = self._ends
        self._ends = None
        self._phases.end("wait")
        self._add(known, time.perf_counter() - since, first=True)

    @property
    def ending(self):
        """Whether an iterator is being taken away."""
        return self._ends is not None

    def write(self):
        """Tell what is new."""
        if self._changed:
            self._changed = False
            for known in self._all.values():
                self._recorder("loader", **known)
