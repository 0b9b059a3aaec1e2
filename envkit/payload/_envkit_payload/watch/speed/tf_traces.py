"""Each time that TensorFlow traces a function into a graph: how long it took, and why it was done again."""

import time

from .. import frames, weave


class Traces:
    """Traces of functions, told when the call that needed them is over."""

    def __init__(self, recorder, phases, step, guarded):
        self._recorder = recorder
        self._phases = phases
        self._step = step
        self._depth = 0
        self._before = {}
        """(tf.function, what it was traced for) by the place of its code."""
        self._found = []
        """What functions were traced for in the call that is running."""
        self._seconds = self._since = self._over = 0.0
        self.usual = 0.0
        """Seconds of the newest compiled call without a trace."""
        self._noted, self._told = guarded(self._note), guarded(self._tell)

    @property
    def busy(self):
        """Whether a function is traced now."""
        return self._depth > 0

    def install(self):
        """See them from now on."""
        from tensorflow.python.eager.polymorphic_function import tracing_compilation

        weave.around(tracing_compilation, "_create_concrete_function", before=self._begins, last=self._ends)

    def _begins(self, function_type, context, graph, options):
        if not self._recorder.on or not self._phases.mine():
            return
        self._depth += 1
        if self._depth == 1:
            self._since = time.perf_counter()
            self._noted(function_type)

    def _ends(self, *_):
        if self._depth and self._phases.mine():
            self._depth -= 1
            if not self._depth:
                self._over = time.perf_counter()
                self._seconds += self._over - self._since

    def _note(self, function_type):
        self._found.append(function_type)

    def called(self, function, seconds):
        """The outermost call of a tf.function is over: tell what was traced in it."""
        if not self._found:
            self.usual = seconds
            return
        found, self._found = self._found, []
        traced, self._seconds = self._seconds, 0.0
        self._told(function, found[-1], max(traced, seconds - self.usual))

    def _tell(self, function, kind, seconds):
        code = getattr(function._python_function, "__code__", None)
        inner = getattr(function._python_function, "__wrapped__", None)
        code = getattr(inner, "__code__", code)
        place = ("", 0, "?") if code is None else (code.co_filename, code.co_firstlineno, code.co_name)
        why = self._why(place, function, kind)
        self._before[place] = id(function), kind
        if not frames.is_users(place[0]):
            own = [one for one in frames.users() if "__autograph_generated" not in one[0]]
            place = (*own[0][:2], place[2]) if own else place
        self._recorder(
            "compiled", step=self._step(), seconds=round(seconds, 6),
            what="{}:{} {}".format(*place), why=why, over=round(self._over, 6),
        )  # fmt: skip

    def _why(self, place, function, kind):
        before = self._before.get(place)
        if before is None:
            return ""
        if before[0] != id(function):
            return "another tf.function of the same code"
        return difference(before[1], kind) or "another kind of argument"


def difference(before, now):
    """What a function was traced for anew: one sentence, empty where none is seen."""
    for name, parameter in now.parameters.items():
        other = before.parameters.get(name)
        one, two = getattr(other, "type_constraint", None), parameter.type_constraint
        if one is None or one == two:
            continue
        if hasattr(one, "shape") and hasattr(two, "shape"):
            if one.dtype != two.dtype:
                return "another type for `{}`: {} after {}".format(name, two.dtype.name, one.dtype.name)
            return "another shape for `{}`: {} after {}".format(name, two.shape, one.shape)
        if type(one).__name__ == type(two).__name__ == "Literal":
            return "another Python value for `{}`: {} after {}".format(name, _short(two), _short(one))
        return "another structure of `{}`".format(name)
    return ""


def _short(literal):
    return repr(getattr(literal, "value", literal))[:40]
