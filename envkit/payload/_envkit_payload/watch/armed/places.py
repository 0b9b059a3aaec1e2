"""Where in the person's program an operation runs: phase, module, lines, and what the graph says of it."""

import re
import sys

from .. import frames

_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
_ENGINE = ("_engine_run_backward", "backward", "grad")
_SELECT = (
    "Where",
    "MaskedFill",
    "MaskedScatter",
    "MaskedSelect",
    "Index",
    "Gather",
    "Take",
    "Slice",
    "Select",
)
"""Functions that pass on some of what they are given; the rest gets a gradient of zero."""
_PASS = (
    *("Add", "Sub", "Rsub", "Neg", "Sum", "Mean", "View", "UnsafeView", "ReshapeAlias", "Expand", "Permute"),
    *("Transpose", "T", "Squeeze", "Unsqueeze", "ToCopy", "Clone", "Alias", "Stack", "Cat", "Copy"),
)
"""Functions whose derivative is nowhere zero."""
_NODES = 200_000


class Places:
    """Follows modules and graphs of one step."""

    def __init__(self, torch):
        self.torch = torch
        self.phase = "forward"
        self.names = {}
        """Names of parameters and buffers, by id."""
        self.buffers = set()
        self.stack = []
        self._modules = {}
        self._spans = []
        self._selected = {}

    def module(self, root):
        """A model is about to be called: the names of its parts."""
        for name, module in root.named_modules():
            name = _plain(name)
            self._modules.setdefault(id(module), name or type(module).__name__)
        for name, one in root.named_parameters():
            self.names.setdefault(id(one), name)
        for name, one in root.named_buffers():
            self.names.setdefault(id(one), name)
            self.buffers.add(id(one))

    def enter(self, module):
        """A module is called."""
        name = self._modules.get(id(module), type(module).__name__)
        self.stack.append((name, _sequence(self.torch)))

    def leave(self):
        """It has returned."""
        if self.stack:
            name, start = self.stack.pop()
            if start is not None and len(self._spans) < _NODES:
                self._spans.append((start, _sequence(self.torch), name))

    def loss(self, root):
        """A loss is about to be walked backwards: which results another operation did not select."""
        self._selected = _selected(self.torch, root)

    def now(self):
        """Phase, module, the person's lines, innermost first, and the function of the backward pass."""
        node = _node(self.torch)
        if node is None:
            return {
                "phase": self.phase, "module": self.stack[-1][0] if self.stack else None,
                "stack": frames.users(),
            }  # fmt: skip
        inside, repeated = _within_engine()
        if inside:  # the person's own backward, or a forward that a checkpoint runs again
            module = self.stack[-1][0] if self.stack else None
            if repeated:
                return {"phase": "forward", "module": module, "stack": inside}
            return {"phase": "backward", "node": node.name(), "own": True, "module": module, "stack": inside}
        return {
            "phase": "backward", "node": node.name(), "module": self._module_of(node),
            "stack": _lines(node), "selected": self._selected.get(id(node), (None, None))[1],
        }  # fmt: skip

    def _module_of(self, node):
        """The module whose forward made a node: the smallest span of numbers that holds its own."""
        number = node._sequence_nr() if hasattr(node, "_sequence_nr") else None
        held = [] if number is None else [one for one in self._spans if one[0] <= number < one[1]]
        return min(held, key=lambda one: one[1] - one[0])[2] if held else None


def _plain(name):
    """A module's name without what torch.compile puts before it."""
    return name.replace("_orig_mod.", "").replace("_orig_mod", "")


def _sequence(torch):
    number = getattr(torch.autograd, "_get_sequence_nr", None)
    return None if number is None else number()


def _node(torch):
    current = getattr(torch._C, "_current_autograd_node", None)
    return None if current is None else current()


def _lines(node):
    """Where the forward call was, which anomaly mode keeps; a node made in a backward has a parent."""
    metadata = node.metadata or {}
    for _ in range(4):
        if metadata.get("parent_") is None:
            break
        metadata = metadata["parent_"].metadata or {}
    text = "".join(metadata.get("traceback_", ()))
    found = [(file, int(line), name) for file, line, name in _FRAME.findall(text)]
    return frames.persons(reversed(found))


def _within_engine():
    """The person's frames below the engine that walks backwards, and whether a checkpoint is among them."""
    frame, found, repeated = sys._getframe(2), [], False
    while frame is not None:
        file, name = frame.f_code.co_filename.replace("\\", "/"), frame.f_code.co_name
        if file.endswith(("torch/autograd/graph.py", "torch/autograd/__init__.py")) and name in _ENGINE:
            break
        repeated = repeated or file.endswith("torch/utils/checkpoint.py")
        if frame.f_code not in frames.OURS and frames.is_users(file):
            found.append((frames.path_of(file), frame.f_lineno, name))
        frame = frame.f_back
    return found[:8], repeated


def _selected(torch, root):
    """By id of a node: the node, and the function behind it that left places of it out, or None."""
    found, waiting = {}, [(root, None)]
    while waiting and len(found) < _NODES:
        node, label = waiting.pop()
        known = found.get(id(node))
        if known is not None and (label is None or known[1] is not None):
            continue
        found[id(node)] = (node, label)
        name = node.name().replace("Backward", "").rstrip("0123456789")
        for number, (after, _) in enumerate(node.next_functions):
            if after is not None:
                waiting.append((after, _label(torch, node, name, number, label)))
    return found


def _label(torch, node, name, number, label):
    if name.startswith(_SELECT):
        return name
    if name in _PASS or (name == "Div" and number == 0):
        return label
    if name == "Mul" and any(after is None for after, _ in node.next_functions):
        factor = _saved(node, "_saved_other" if number == 0 else "_saved_self")
        if isinstance(factor, torch.Tensor) and factor.numel() > 1 and bool((factor == 0).any()):
            return "Mul"
        return label
    return None


def _saved(node, name):
    try:
        return getattr(node, name, None)
    except RuntimeError:
        return None
