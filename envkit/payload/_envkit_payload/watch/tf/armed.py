"""Tier 1 for TensorFlow: one step in eager mode with every operation looked at.

Forward operations are seen by TensorFlow's own callbacks. A backward one is a whole gradient function: what
it was given (the gradients from above) against what it gave, named by the forward operation and its line.
"""

import functools
import sys
import time

from .. import frames
from ..rows.arrays import Arrays
from ..rows.data import Finder
from .events import Call, Events
from .state import variables

_GIVEN = ("ReadVariable", "VarHandle")
_PASSED = ("Identity", "IdentityN", "StopGradient", "Reshape", "ExpandDims", "Squeeze", "PreventGradient")
_SILENT = ("Assign", "VarHandle", "Placeholder", "Empty", "Print", "Write")
"""Operations whose results were made by others, or hold whatever was in memory."""


class Done(BaseException):
    """The step was seen as far as it matters; goes through whatever the script catches."""

    def __init__(self, state):
        super().__init__(state)
        self.state = state


class Armed:
    """Looks at the step that failed, between `with` and its end."""

    def __init__(self, watch, site, optimizer, deadline):
        self.watch = watch
        self.phase = "forward"
        self.loss = None
        """That the tape was asked for; a number."""
        self.random = False
        """Whether the step draws random numbers."""
        self._optimizer = optimizer
        self._deadline = deadline
        numpy = sys.modules["numpy"]
        self._arrays = Arrays(numpy)
        self._finder = Finder(numpy, watch.tf, site)
        names = {one._handle._id: one.name for one in variables(watch.tf)}
        self._events = Events(watch.tf, self._arrays, self._finder, numpy, names)
        self.events = self._events.all
        self._calls = {}
        """Forward operations by the numbers of their results, or of what they were given."""
        self._users = {}
        self._layers = []
        self._in_gradient = 0
        self._lines = []
        """For the trace, written at the end."""

    def __enter__(self):
        from tensorflow.python import pywrap_tfe
        from tensorflow.python.eager import backprop
        from tensorflow.python.framework import op_callbacks

        self._finder.batches(self.watch.recorder)
        self._backprop, self._register = backprop, pywrap_tfe.TFE_Py_RegisterGradientFunction
        self._callbacks = op_callbacks
        op_callbacks.add_op_callback(self._operation)
        self._register(self._gradient_function)
        self._wrap_layers()
        return self

    def __exit__(self, *error):
        self._callbacks.remove_op_callback(self._operation)
        self._register(self._backprop._gradient_function)
        if self._layer is not None:
            self._layer.__call__ = self._plain_layer
        for event in self.events:
            self.watch.recorder("event", step=self.watch.step, **event)
        for kind, fields in self._lines:
            self.watch.recorder(kind, **fields)
        return False

    def _wrap_layers(self):
        """So that the layer that is running is known."""
        module = sys.modules.get("keras.src.layers.layer")
        self._layer = None if module is None else module.Layer
        if self._layer is None:
            return
        plain, layers = self._layer.__call__, self._layers
        self._plain_layer = plain

        @functools.wraps(plain)
        def __call__(layer, *args, **kwargs):
            layers.append(layer)
            try:
                return plain(layer, *args, **kwargs)
            finally:
                layers.pop()

        self._layer.__call__ = __call__

    def _operation(self, op_type, inputs, attrs, outputs, op_name=None, graph=None):
        """One operation is done, as TensorFlow tells."""
        if self._in_gradient or graph is not None or not outputs:
            return
        if time.monotonic() > self._deadline:
            raise Done("timeout")
        op_type = op_type.decode() if isinstance(op_type, bytes) else op_type
        outputs = [one for one in outputs if hasattr(one, "_id")]
        inputs = [one for one in inputs if hasattr(one, "_id")]
        if op_type.startswith("ReadVariable"):
            self._events.read(inputs[0], outputs)
            return
        self.random = self.random or "Random" in op_type
        if op_type.startswith(_SILENT):
            return
        call = Call(op_type, self._where(), self._layers[-1] if self._layers else None, inputs, attrs)
        for one in outputs:
            self._calls[one._id] = call
        # An operation whose result its gradient does not need is found by what it was given.
        self._calls[(op_type, tuple(one._id for one in inputs))] = call
        if op_type in _PASSED:
            self._events.passed(inputs, outputs)
            return
        for one in outputs:
            self._events.result(call, inputs, one, self.phase)
        return

    def _gradient_function(self, op_name, attrs, count, inputs, outputs, out_grads, skip, scope):
        """The gradient of one operation, as TensorFlow asks for it."""
        op_name = op_name.decode() if isinstance(op_name, bytes) else op_name
        call = next(
            (self._calls[i] for one in outputs or () if (i := getattr(one, "_id", 0)) in self._calls), None
        )
        if call is None:
            call = self._calls.get((op_name, tuple(one._id for one in inputs or () if hasattr(one, "_id"))))
        if call is None:
            call = Call(op_name, (), None, [one for one in inputs or () if hasattr(one, "_id")], ())
        self._in_gradient += 1
        try:
            made = self._backprop._gradient_function(
                op_name, attrs, count, inputs, outputs, out_grads, skip, scope
            )
        finally:
            self._in_gradient -= 1
        if not self._in_gradient and not op_name.startswith(_GIVEN):
            self._made(call, out_grads, made)
        return made

    def _made(self, call, out_grads, made):
        given = [one for one in out_grads if hasattr(one, "_id")]
        results = made if isinstance(made, (list, tuple)) else [made]
        results = [one.values if type(one).__name__ == "IndexedSlices" else one for one in results]
        results = [one for one in results if hasattr(one, "_id")]
        if call.op_type in _PASSED:
            self._events.passed(given, results)
            return
        for one in results:
            self._events.result(call, given, one, "backward")

    def gradient(self, plain, tape, target, sources, args, kwds):
        """A tape is asked: what runs now is the backward pass."""
        loss = self._arrays.of(target) if hasattr(target, "_id") else None
        flat = self.watch.tf.nest.flatten(sources)
        of_loss = loss is not None and flat and hasattr(flat[0], "assign")
        bad = of_loss and not self._arrays.finite(loss)
        if of_loss:
            self.loss = float(loss.sum())
            self._weigh(flat)
            if bad:
                self._line("reached", what="loss", event=self._events.origin(target))
                raise Done("repeated")
            # Whatever was not finite on the way did no harm, or does it in the backward pass.
            self._events.forget()
        was, self.phase = self.phase, "backward"
        try:
            return plain(tape, target, sources, *args, **kwds)
        finally:
            self.phase = was

    def apply(self, plain, optimizer, grads, variables):
        """Gradients are there, the update is not."""
        bad, origin = [], None
        for number, one in enumerate(grads):
            one = getattr(one, "values", one) if type(one).__name__ == "IndexedSlices" else one
            array = self._arrays.of(one)
            if array is not None and self._arrays.is_float(array) and not self._arrays.finite(array):
                bad.append(dict(self._arrays.seen(array), number=number))
                origin = self._events.origin(one) if origin is None else origin
        if bad:
            self._line("gradients", bad=bad[:16], count=len(bad))
            self._line("reached", what="gradient", event=origin)
            raise Done("repeated")
        if self._optimizer is not None and optimizer is not self._optimizer:
            return  # another one's update was done before
        was, self.phase = self.phase, "optimizer"
        try:
            plain(optimizer, grads, variables)
        finally:
            self.phase = was
        raise Done("repeated" if self.events else "not-reproduced")

    def blamed(self):
        """Events, that from which the loss or the gradient has its value first."""
        number = next((fields["event"] for kind, fields in self._lines if kind == "reached"), None)
        found, seen = [], set()
        while number is not None and number not in seen:
            seen.add(number)
            found.insert(0, self.events[number])
            number = self.events[number]["from"][0] if self.events[number]["from"] else None
        return found or self.events[:1]

    def _weigh(self, weights):
        """Write down how large the weights are."""
        found = []
        for one in weights:
            one = getattr(one, "value", one) if not callable(getattr(one, "value", None)) else one
            array = one.numpy()
            finite = array[self._finder.finite(array)]
            largest = float(abs(finite).max()) if finite.size else None
            found.append({"name": one.name, "bad": int(array.size - finite.size), "max": largest})
        found.sort(key=lambda one: (-one["bad"], -(one["max"] or 0.0)))
        self._line("weights", largest=found[:4])

    def _line(self, kind, **fields):
        self._lines.append((kind, fields))

    def _where(self):
        """The person's lines, innermost first."""
        found, known = [], self._users
        frame = sys._getframe(2)
        while frame is not None and len(found) < 8:
            name = frame.f_code.co_filename
            is_users = known.get(name)
            if is_users is None:
                is_users = known[name] = frames.is_users(name)
            if is_users:
                found.append((name, frame.f_lineno, frame.f_code.co_name))
            frame = frame.f_back
        return found
