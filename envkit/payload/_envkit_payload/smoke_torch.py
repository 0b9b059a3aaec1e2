"""torch: devices, and small computations against float64 on the CPU."""

import os

from . import numerics

_NODES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""One of them is there where a GPU of NVIDIA's or AMD's can be used; /dev/dxg is WSL's."""


class Backend:
    """What `deep` needs of a framework.

    devices: names. not_started: smoke results for devices that the build is for and that do not start.
    """

    def __init__(self, torch):
        self.torch = torch
        self.devices = ["cpu"]
        self.not_started = []
        self.threads = torch.get_num_threads()
        self.cudnn_version = None
        torch.manual_seed(0)
        # fp32 means fp32 here; numerics.py knows the variable that overrides it.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self._cuda()
        xpu = getattr(torch, "xpu", None)
        if xpu is not None and xpu.is_available():
            self.devices += ["xpu:{}".format(number) for number in range(xpu.device_count())]

    def _cuda(self):
        torch = self.torch
        if not (torch.version.cuda or getattr(torch.version, "hip", None)):
            return
        try:
            torch.cuda.init()
            self.devices += ["cuda:{}".format(number) for number in range(torch.cuda.device_count())]
        except Exception as error:  # the type differs between versions
            if any(os.path.exists(node) for node in _NODES):
                detail = "{}: {}".format(type(error).__name__, " ".join(str(error)[:800].split()))
                self.not_started.append(
                    {"device": "cuda", "op": "start", "dtype": "", "ok": False, "detail": detail}
                )
            return
        version = torch.backends.cudnn.version()
        self.cudnn_version = None if version is None else str(version)

    def error(self, device, op, dtype):
        """Relative error of one op."""
        kind = getattr(self.torch, dtype)
        inputs = [self.torch.randn(shape).to(kind) for shape in shapes(op)]
        found = self._compute(op, [one.to(device) for one in inputs])
        wanted = self._compute(op, [one.double() for one in inputs])
        difference = (found.double().cpu() - wanted).abs().max()
        return (difference / wanted.abs().max()).item()

    def _compute(self, op, inputs):
        torch = self.torch
        left, right = inputs
        if op == "matmul":
            return left @ right
        if op == "conv2d":
            return torch.nn.functional.conv2d(left, right, padding=1)
        # 1/16 keeps tanh away from saturation, where its gradient vanishes.
        weight = (right / 16).detach().requires_grad_()
        torch.tanh(left @ weight).square().sum().backward()
        return weight.grad


def shapes(op):
    """Shapes of the two inputs of an op, channels first."""
    if op == "conv2d":
        batch, channels, height, width, filters = numerics.CONV
        return (batch, channels, height, width), (filters, channels, 3, 3)
    rows, inner, columns = numerics.MATMUL if op == "matmul" else numerics.BACKWARD
    return (rows, inner), (inner, columns)
