"""What we do with tensors within a script that looks at every operation, or compiles itself."""

import contextlib


class Unseen:
    """Called, a context in which modes of the script do not see what is done."""

    def __init__(self, torch):
        self._torch = torch
        names = ("_DisableTorchDispatch", "DisableTorchFunction")
        self._guards = [getattr(torch._C, name) for name in names if hasattr(torch._C, name)]

    def never_compiled(self, function):
        """A frame of this function, and what it calls, is no business of torch's compiler."""
        frames = getattr(getattr(self._torch._C, "_dynamo", None), "eval_frame", None)
        code = getattr(function, "__code__", None)
        if code is None or frames is None:
            return
        if hasattr(frames, "set_code_exec_strategy"):  # torch 2.6 and later
            skip = frames._FrameAction.SKIP
            frames.set_code_exec_strategy(code, frames._FrameExecStrategy(skip, skip))
        elif hasattr(frames, "skip_code"):
            frames.skip_code(code)

    @contextlib.contextmanager
    def __call__(self):
        with contextlib.ExitStack() as guards:
            for guard in self._guards:
                guards.enter_context(guard())
            yield
