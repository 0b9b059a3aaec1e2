"""To do a training step again, in eager mode and with the weights from before it, every operation looked at.

What a step is, in the order in which it is looked for: the tf.function that is running (for Keras' `fit`
its one step on one batch), Keras' own step in eager mode, the block `with tf.GradientTape()` of the person's
own loop, the tf.function that took the gradients. Afterwards all is as it was.
"""

import ast
import contextlib
import linecache
import sys
import time

from .. import frames
from . import trials as tensorflow_trials
from .alone import CannotRepeat, alone
from .armed import Armed, Done
from .calls import EDGES, ZEROS, Calls, nudged
from .state import State

LIMIT = 60.0
"""Seconds that a repetition may take."""
_DRAWS, _DRAWING = 24, 10.0
"""How often a step that draws random numbers is tried with others, and for how many seconds: those of a
graph cannot be had again."""


class Site:
    """A step: what is called, and with what."""

    def __init__(self, call, args=(), kwds=None, owners=()):
        self.call = call
        self.args = args
        self.kwds = kwds or {}
        self.owners = owners
        """Objects whose plain attributes the step may change."""

    def __call__(self):
        return self.call(*self.args, **self.kwds)

    def parts(self, tf):
        """The arrays of its batch: (key, array)."""
        flat = tf.nest.flatten((self.args, self.kwds))
        return [(key, array) for key, one in enumerate(flat) if (array := _array(one)) is not None]

    def with_parts(self, tf, parts):
        """The same step on other arrays, by key."""
        flat = tf.nest.flatten((self.args, self.kwds))
        flat = [_like(tf, one, parts[key]) if key in parts else one for key, one in enumerate(flat)]
        args, kwds = tf.nest.pack_sequence_as((self.args, self.kwds), flat)
        return Site(self.call, args, kwds, self.owners)


class Block:
    """A step: lines of the person's own loop."""

    owners = ()

    def __init__(self, code, cut, names):
        """cut: (array, index) as the lines have it, `x[rows]`. names: what they see."""
        self._code = code
        self._cut = cut
        self._names = names

    def __call__(self):
        # One name space: functions inside of the block see the local names, too.
        exec(self._code, dict(self._names))

    def parts(self, tf):
        """The arrays of its batch: (key, array)."""
        names, found = self._names, []
        cut = {name for pair in self._cut for name in pair}
        for name, index in sorted(self._cut):
            array, where = _array(names.get(name)), names.get(index)
            where = _array(where) if _array(where) is not None else where
            try:
                found.append(((name, index), array[where]))
            except (TypeError, IndexError, KeyError):
                continue
        for name in self._code.co_names:
            array = None if name in cut else _array(names.get(name))
            if array is not None and array.ndim:
                found.append((name, array))
        return [(key, array) for key, array in found if hasattr(array, "ndim")]

    def with_parts(self, tf, parts):
        """The same lines on other arrays, by key."""
        names = dict(self._names)
        for key, array in parts.items():
            if isinstance(key, tuple):
                names[key[0]], names[key[1]] = _like(tf, names[key[0]], array), slice(None)
            else:
                names[key] = _like(tf, names[key], array)
        return Block(self._code, self._cut, names)


def _array(one):
    """The numpy array that something is or holds, or None."""
    numpy = sys.modules["numpy"]
    if isinstance(one, numpy.ndarray):
        return one
    read = getattr(one, "_numpy", None)
    found = read() if read is not None and not hasattr(one, "assign") else None
    return found if isinstance(found, numpy.ndarray) else None


def _like(tf, one, array):
    if isinstance(array, tf.Tensor):
        return array
    return array if isinstance(one, sys.modules["numpy"].ndarray) else tf.constant(array, one.dtype)


class Traced:
    """A step whose batch is known when its graph runs: which of its arguments are tensors."""

    def __init__(self, tf, call, inputs):
        self._tf = tf
        self._function, args, kwds = call
        self._structure = (args, kwds)
        flat = tf.nest.flatten(self._structure)
        self._kept = [None if _is_tensor(tf, one) else one for one in flat]
        self._tensors = [_is_tensor(tf, one) for one in flat]
        self.fits = sum(self._tensors) == len(inputs)
        # Only the shape of the structure is kept, not the first batch.
        self._structure = tf.nest.map_structure(lambda one: 0, self._structure)

    def with_values(self, values):
        """The step with the values of one run."""
        left = iter(values)
        flat = [next(left) if tensor else kept for tensor, kept in zip(self._tensors, self._kept)]
        args, kwds = self._tf.nest.pack_sequence_as(self._structure, flat)
        return Site(self._function._python_function, args, kwds, _owners(args))


def _is_tensor(tf, one):
    numpy = sys.modules["numpy"]
    return isinstance(one, (tf.Tensor, numpy.ndarray, numpy.generic)) and not hasattr(one, "assign")


def _owners(args):
    """Models among the arguments."""
    return tuple(one for one in args if hasattr(one, "trainable_variables") and hasattr(one, "__dict__"))


def traced(watch):
    """The step that is being traced: (what gives it, the tensors of its graph that hold its batch)."""
    from tensorflow.python.framework import func_graph, ops

    tf, graph = watch.tf, ops.get_default_graph()
    while type(graph) is not func_graph.FuncGraph and getattr(graph, "outer_graph", None) is not None:
        graph = graph.outer_graph
    captured = set(map(id, graph.internal_captures))
    inputs = [one for one in graph.inputs if id(one) not in captured]
    found = Traced(tf, watch.calls[-1], inputs)
    return (found, inputs) if found.fits else (None, ())


def find(watch):
    """The step that is running in eager mode, or None."""
    if watch.calls:  # run eagerly by a setting
        function, args, kwds = watch.calls[-1]
        return Site(function._python_function, args, kwds, _owners(args))
    return _of_keras() or _of_block() or _of_last(watch)


def _of_keras():
    """Keras' step on one batch."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "one_step_on_data" and "keras" in frame.f_code.co_filename:
            local = frame.f_locals
            step = local.get("step_function") or getattr(local.get("self"), "train_step", None)
            if step is not None and "data" in local:
                return Site(step, (local["data"],), owners=(local.get("self"),))
        frame = frame.f_back
    return None


def _of_block():
    """The block of a tape in the person's own function, from there to the line that is running."""
    frame = sys._getframe(1)
    while frame is not None:
        if frames.is_users(frame.f_code.co_filename):
            found = _block(frame.f_code.co_filename, frame.f_lineno)
            if found is not None:
                names = dict(frame.f_globals)
                names.update(frame.f_locals)
                return Block(*found, names)
        frame = frame.f_back
    return None


def _block(file, line):
    """The statements from the last `with ...GradientTape...` to a line, compiled with their line numbers.

    With them, what is cut from what: the pairs of names `x[rows]`.
    """
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None
    found = None
    for parent in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(parent, name, None)
            if isinstance(statements, list):
                found = _from_tape(statements, line) or found
    if not found:
        return None
    cut = {
        (one.value.id, one.slice.id)
        for statement in found
        for one in ast.walk(statement)
        if isinstance(one, ast.Subscript)
        and isinstance(one.value, ast.Name)
        and isinstance(one.slice, ast.Name)
    }
    return compile(ast.Module(body=found, type_ignores=[]), file, "exec"), cut


def _from_tape(statements, line):
    place = next((at for at, one in enumerate(statements) if one.lineno <= line <= one.end_lineno), None)
    if place is None:
        return None
    tapes = [at for at in range(place + 1) if _is_tape(statements[at])]
    if not tapes:
        return None
    return [one for one in statements[tapes[-1] : place + 1] if not isinstance(one, ast.Return)]


def _is_tape(statement):
    return isinstance(statement, ast.With) and any(
        "GradientTape" in ast.dump(item.context_expr) for item in statement.items
    )


def _of_last(watch):
    """The tf.function that took the gradients which an optimizer is now given."""
    if watch.last is None:
        return None
    function, args, kwds = watch.last
    return Site(function._python_function, args, kwds, _owners(args))


def repeat(watch, site, before, optimizer):
    """Do the step again and write what was seen.

    before: the state from before its update, None where it is that of now. optimizer: whose update failed.
    """
    start = time.perf_counter()
    if site is None:
        watch.recorder("replay", state="no-step", step=watch.step)
        return
    watch.recorder("replay", state="begins", step=watch.step)
    with kept(watch, site, before) as first:
        said, armed = _looked_at(watch, site, optimizer)
        for places in (EDGES, ZEROS):
            if said == "not-reproduced" and before is not None:
                first.restore(only=lambda variable: True)
                again, other = _looked_at(watch, site, optimizer, nudged(watch.tf, places))
                said, armed = (again, other) if again == "repeated" else (said, armed)
        if said == "not-reproduced" and armed.random:
            said, armed = _with_others(watch, site, optimizer, first, armed)
        watch.recorder("replay", state=said, step=watch.step)
        if said == "repeated" and tensorflow_trials.wanted():
            tensorflow_trials.run(watch, site, first, optimizer, armed)
    watch.governor.replay += time.perf_counter() - start


def _with_others(watch, site, optimizer, first, armed):
    """The step with other random numbers, until something is not finite."""
    said, until = "not-reproduced", time.monotonic() + _DRAWING
    for _ in range(_DRAWS):
        if said != "not-reproduced" or time.monotonic() > until:
            break
        first.restore(only=lambda variable: True)
        said, armed = _looked_at(watch, site, optimizer)
    return said, armed


@contextlib.contextmanager
def kept(watch, site, before):
    """The state is that of `before`, and afterwards what it was."""
    now = State(watch.tf, site.owners, () if watch.guard is None else watch.guard.own())
    before = now if before is None else before
    try:
        before.restore(only=lambda variable: True)
        yield before
    finally:
        now.restore()


def _looked_at(watch, site, optimizer, change=None):
    """One time with every operation looked at: how it ended, and what was seen."""
    armed = watch.armed = Armed(watch, site, optimizer, time.monotonic() + LIMIT)
    changed = contextlib.nullcontext() if change is None else Calls(change)
    try:
        with alone(watch.tf), armed, changed:
            site()
        said = "repeated" if armed.events else "not-reproduced"
    except Done as done:
        said = done.state
    except CannotRepeat as error:
        watch.recorder("note", where="replay", error=str(error))
        said = "no-step"
    except Exception as error:
        watch.recorder("note", where="replay", error="{}: {}".format(type(error).__name__, str(error)[:300]))
        said = "crashed"
    finally:
        watch.armed = None
    if armed.loss is not None and armed.loss - armed.loss != 0 and watch.tripped == "gradient":
        # A graph may compute max(NaN, 0) as 0 and hide what eager mode shows.
        watch.recorder("trip", what="loss", value=repr(armed.loss), step=watch.step)
    return said, armed
