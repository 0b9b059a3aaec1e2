"""JAX: devices, and small computations against float64 in numpy."""

import os

from . import reference


class Backend:
    """What `deep` needs of a framework: see smoke_torch."""

    def __init__(self, jax):
        import numpy

        # Memory is taken as it is needed, not three quarters of the GPU at once.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        self.jax = jax
        self.numpy = numpy
        self.not_started = []
        self.threads = None
        self.cudnn_version = None
        self._devices = {}
        for device in jax.devices("cpu") + jax.devices():
            name = "cpu" if device.platform == "cpu" else "cuda:{}".format(device.id)
            if device.platform == "gpu" or device.platform == "cpu":
                self._devices.setdefault(name, device)
        self.devices = list(self._devices)

    def error(self, device, op, dtype):
        """Relative error of one op."""
        jax, numpy = self.jax, self.numpy
        left, right = reference.inputs(numpy, op)
        right = right / 16 if op == "backward" else right
        with jax.default_device(self._devices[device]), jax.default_matmul_precision("highest"):
            kind = getattr(jax.numpy, dtype)
            left, right = (jax.numpy.asarray(one, dtype="float32").astype(kind) for one in (left, right))
            found = numpy.asarray(self._compute(op, left, right).astype("float32"))
        exact = [numpy.asarray(one.astype("float32"), dtype="float64") for one in (left, right)]
        return reference.relative_error(numpy, found, reference.result(numpy, op, *exact))

    def _compute(self, op, left, right):
        jax = self.jax
        if op == "matmul":
            return left @ right
        if op == "conv2d":
            return jax.lax.conv_general_dilated(
                left, right, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
        return jax.grad(lambda weight: (jax.numpy.tanh(left @ weight) ** 2).sum())(right)
