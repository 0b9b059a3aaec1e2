"""Norms and finiteness of many tensors at once."""

import math
import weakref


class Norms:
    """Of gradients and weights. Unknown kinds of tensors (distributed, quantised) are left out."""

    def __init__(self, torch):
        self.torch = torch
        self._plain = (torch.Tensor, torch.nn.Parameter)
        self._half = (torch.float16, torch.bfloat16)
        self._odd = {}
        """Weights that were not finite from the start, on purpose, by id."""

    def baseline(self, optimizer):
        """An optimiser is new: weights that are not finite now are meant to be so."""
        weights = self.weights(optimizer)
        if weights and weights[0].device.type == "cpu" and not self.finite(weights):
            for one in weights:
                if not self.finite([one]):
                    self._odd[id(one)] = weakref.ref(one)

    def gradients(self, optimizer):
        """Gradients that an optimiser will use, all on one kind of device; of sparse ones their values."""
        found = []
        strided = self.torch.strided
        for group in optimizer.param_groups:
            for one in group["params"]:
                grad = one.grad
                if grad is None or type(grad) is not self.torch.Tensor:
                    continue
                if grad.layout is not strided:
                    grad = self.values(grad)
                    if grad is None:
                        continue
                found.append(grad)
        return found

    def values(self, grad):
        """What a sparse gradient holds, or None."""
        return grad._values() if grad.layout is self.torch.sparse_coo else None

    def weights(self, optimizer):
        """Weights that an optimiser changes, all on one kind of device."""
        return [
            one
            for group in optimizer.param_groups
            for one in group["params"]
            if type(one) in self._plain and one.requires_grad and self._is_even(one)
        ]

    def _is_even(self, one):
        odd = self._odd.get(id(one)) if self._odd else None
        return odd is None or odd() is not one

    def norm(self, tensors):
        """Global norm as a tensor without dimensions; None of nothing. Does not wait for a device."""
        torch = self.torch
        if not tensors:
            return None
        device = tensors[0].device
        with torch.no_grad():
            tensors = [one for one in tensors if one.device == device and one.numel()]
            if not tensors:
                return None
            if any(one.dtype in self._half for one in tensors):
                each = [torch.linalg.vector_norm(one, dtype=torch.float32) for one in tensors]
            else:
                each = torch._foreach_norm(tensors)
            if len(each) == 1:
                return each[0]
            return torch.linalg.vector_norm(torch.stack([one.to(each[0].dtype) for one in each]))

    def finite(self, tensors):
        """Whether all values are. Waits for a device."""
        total = self.norm(tensors)
        if total is None or math.isfinite(total.item()):
            return True
        # The norm of large finite values overflows.
        return all(bool(self.torch.isfinite(one).all()) for one in tensors if one.device.type == "cpu")

    def leaves(self, loss):
        """Tensors whose gradients a backward from `loss` makes, found by a walk through its graph."""
        seen, waiting, found = set(), [loss.grad_fn], []
        while waiting:
            node = waiting.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            leaf = getattr(node, "variable", None)
            if leaf is not None:
                found.append(leaf)
            waiting += [after for after, _ in node.next_functions]
        return found
