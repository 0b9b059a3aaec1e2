"""When a compiled function of TensorFlow waited for its data pipeline, which Python does not see.

The graph itself notes the time before and after it takes a batch, on the device's clock, into a ring that is
read from time to time. A batch that is taken while a step still computes, as in a loop within the graph, is
waited for only from the end of that step on.
"""

import time

_RING = 1024


class Clock:
    """Times of taking batches within graphs."""

    def __init__(self, tf, failed):
        """failed: called with an exception of ours; waiting in graphs is not seen then."""
        self._tf = tf
        self._failed = failed
        self._off = False
        self._ring = None
        self._read = 0
        self._shift = None
        self._ended, self._steps = 0.0, []
        """Ends of the newest batch and the newest step that were seen."""
        self._seen = {}
        """Graphs with a batch taken already, by id: the number of batches. Cleared when the ring is read."""
        self._left = []
        """Batches after the last step that was seen."""

    def own(self):
        """Variables of ours."""
        return () if self._ring is None else (self._ring, self._count)

    def measured(self):
        """What is to be added to an instant of a graph's clock to have one of `time.perf_counter`."""
        best = None
        for _ in range(4):
            began, now, ended = time.perf_counter(), time.time(), time.perf_counter()
            if best is None or ended - began < best:
                best, self._shift = ended - began, (began + ended) / 2 - now
        return self._shift

    def take(self, plain, args, kwds):
        """Take a batch in the graph that is being traced, by `plain(*args, **kwds)`; gives what that gives.

        What is computed with the batch waits until the time is noted: one that is noted later would count the
        step as waiting.
        """
        tf = self._tf
        began = None if self._off else self._tried(tf.timestamp)
        if began is None:
            return plain(*args, **kwds)
        with tf.control_dependencies([began]):
            found = plain(*args, **kwds)
        several = isinstance(found, (list, tuple))
        tensors = list(found) if several else [found]
        kept = self._tried(lambda: self._after(began, tensors)) if tensors else None
        if kept is None:
            return found
        return kept if several else kept[0]

    def _tried(self, function):
        """What a function of ours gives; None where it fails, and then no more of them are called."""
        try:
            return function()
        except Exception as error:
            self._off = True
            self._failed(error)
            return None

    def _after(self, began, tensors):
        """The same tensors, known only after the time is noted."""
        tf = self._tf
        with tf.control_dependencies([tensors[0].op]):
            ended = tf.timestamp()
        self._note(began, ended)
        with tf.control_dependencies([ended]):
            return [tf.identity(one) for one in tensors]

    def _note(self, began, ended):
        from tensorflow.python.framework import ops

        tf = self._tf
        self._make()
        beside = self._beside(ended.graph)
        with ops.colocate_with(None, ignore_existing=True):
            number = self._count.assign_add(1, read_value=True) - 1
            row = tf.stack([began, ended, tf.constant(float(beside), tf.float64)])
            tf.raw_ops.ResourceScatterUpdate(resource=self._ring.handle, indices=number % _RING, updates=row)

    def _make(self):
        if self._ring is None:
            from tensorflow.python.ops import resource_variable_ops

            # Not tf.Variable: a function that is traced must not learn of them.
            make, tf = resource_variable_ops.ResourceVariable, self._tf
            with tf.init_scope(), tf.device("CPU:0"):
                self._ring = make(tf.zeros((_RING, 3), tf.float64), trainable=False, name="envkit_taken")
                self._count = make(tf.constant(0, tf.int64), trainable=False, name="envkit_takes")

    def _beside(self, graph):
        """Whether it is taken while a step may compute: one of several of a function, or in Keras' loop."""
        count = self._seen[id(graph)] = self._seen.get(id(graph), 0) + 1
        names = [type(one).__name__ for one in _outwards(graph)]
        return count > 1 or (names[0] == "CondBranchFuncGraph" and "WhileBodyFuncGraph" in names)

    def waits(self, steps):
        """(end, seconds) of waiting for each batch since the last time. steps: instants of steps, in order.

        Instants are those of `time.perf_counter`.
        """
        if self._ring is None:
            return []
        self._seen.clear()
        count = int(self._count.numpy())
        new = min(count - self._read, _RING)
        self._read = count
        if not new:
            return []
        ring, shift = self._ring.numpy(), self._shift or self.measured()
        rows = [ring[number % _RING] for number in range(count - new, count)]
        taken = [(float(one[0]) + shift, float(one[1]) + shift, one[2] > 0) for one in rows]
        steps = self._steps + list(steps)
        found = waited(taken, steps, self._ended)
        self._ended, self._steps = taken[-1][1], steps[-1:]
        return found


def waited(taken, steps, before=0.0):
    """(end, seconds) of waiting for each batch.

    taken: (begin, end, whether a step may have computed meanwhile) of each batch, in order. steps: instants
    at which steps ended. before: the end of the batch before them.
    """
    found, place, newest = [], 0, 0.0
    for began, ended, beside in taken:
        while place < len(steps) and steps[place] <= began:
            newest = steps[place]
            place += 1
        since = began
        if beside and newest < before:  # the step with the batch before this one still computed
            over = [one for one in steps[place:] if one <= ended]
            since = over[-1] if over else ended
        found.append((ended, ended - since))
        before = ended
    return found


def _outwards(graph):
    while graph is not None:
        yield graph
        graph = getattr(graph, "outer_graph", None)
