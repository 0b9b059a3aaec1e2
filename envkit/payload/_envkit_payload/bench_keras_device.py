"""Devices of TensorFlow: which one, its memory and numbers."""

import os
import sys

import tensorflow as tf

from .bench import NoDevice, Unsupported
from .processor import processor

_TYPES = {"cuda": "GPU", "mps": "GPU", "xpu": "XPU"}
"""What TensorFlow calls them."""


class Picked:
    """kind (`cpu`, `cuda`, ...), index or None, physical: the device of TensorFlow or None for a CPU."""

    def __init__(self, kind, index=None, physical=None):
        self.kind, self.index, self.physical = kind, index, physical
        self.name = kind if index is None or kind == "mps" else "{}:{}".format(kind, index)
        # Others are hidden, so that ours is the first one.
        self.place = "/CPU:0" if physical is None else "/{}:0".format(physical.device_type)

    @property
    def accelerator(self):
        return self.physical is not None


def found():
    """{kind: physical devices} of the accelerators that TensorFlow sees."""
    gpu = "mps" if sys.platform == "darwin" else "cuda"
    kinds = {gpu: tf.config.list_physical_devices("GPU"), "xpu": tf.config.list_physical_devices("XPU")}
    return {kind: devices for kind, devices in kinds.items() if devices}


def available():
    """Names of the devices that can be used."""
    names = ["cpu"]
    for kind, devices in found().items():
        names += [Picked(kind, number, device).name for number, device in enumerate(devices)]
    return names


def pick(asked):
    """(Picked, notes). NoDevice when it is not there."""
    there, notes = found(), []
    if asked == "auto":
        asked = next(iter(there), "cpu")
        if asked == "cpu" and tf.test.is_built_with_cuda() and os.path.exists("/dev/nvidiactl"):
            notes.append("the CPU was used: {}".format(why_none()))
    kind, _, index = asked.partition(":")
    if kind == "cpu":
        return Picked("cpu"), notes
    devices = there.get(kind, [])
    number = int(index) if index else 0
    if number < len(devices):
        return Picked(kind, number, devices[number]), notes
    if devices:
        raise NoDevice(asked, "TensorFlow sees {} of them".format(len(devices)), available())
    raise NoDevice(asked, why_none(), available())


def why_none():
    """Why TensorFlow has no GPU, as far as it says."""
    if not (tf.test.is_built_with_cuda() or tf.test.is_built_with_rocm()):
        return "this TensorFlow ({}) is built for the CPU only".format(tf.__version__)
    return "TensorFlow {} sees no GPU; its messages on stderr say why".format(tf.__version__)


def start(device):
    """Use this device and no other; memory is taken as it is needed."""
    for kind in set(_TYPES.values()):
        if tf.config.list_physical_devices(kind):
            ours = device.accelerator and device.physical.device_type == kind
            tf.config.set_visible_devices([device.physical] if ours else [], kind)
    if device.accelerator:
        try:
            tf.config.experimental.set_memory_growth(device.physical, True)
        except (ValueError, RuntimeError):
            pass  # a plugin whose devices share the memory of the host


def check_precision(precision, device):
    """Unsupported, with the reason, when this device cannot train in `precision`."""
    name = "{} on {}".format(precision, device.name)
    if precision == "tf32" and device.kind != "cuda":
        raise Unsupported("{}: TF32 is a mode of NVIDIA GPUs from compute capability 8.0 on".format(name))
    capability = details(device).get("compute_capability")
    if precision in ("tf32", "bf16") and capability and tuple(capability) < (8, 0):
        text = "{}: this GPU has compute capability {}.{}, which begins at 8.0 for it"
        raise Unsupported(text.format(name, *capability))


def details(device):
    """What TensorFlow knows of an accelerator: device_name, compute_capability."""
    if not device.accelerator:
        return {}
    try:
        return tf.config.experimental.get_device_details(device.physical)
    except (ValueError, RuntimeError, NotImplementedError):
        return {}


def environment(device):
    """device, threads, cuda, cudnn of the "environment" line."""
    build = tf.sysconfig.get_build_info()
    name = details(device).get("device_name") if device.accelerator else processor()
    version = {
        key: build.get(key) if device.kind == "cuda" else None for key in ("cuda_version", "cudnn_version")
    }
    return {
        "device": {
            "kind": device.kind,
            "name": name or device.name,
            "index": device.index if device.kind != "mps" else None,
            "uuid": None,
            "memory": None,
        },
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or cores(),
        "cuda": version["cuda_version"],
        "cudnn": version["cudnn_version"],
    }


def cores():
    """CPUs that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count()


def sync(device):
    """Wait until the device has done all that it was given."""
    if device.accelerator:
        tf.test.experimental.sync_devices()


def peak_memory(device):
    """Most bytes that TensorFlow had allocated on the device; None where it does not count."""
    if not device.accelerator:
        return None
    try:
        return int(tf.config.experimental.get_memory_info(device.place[1:])["peak"])
    except (ValueError, RuntimeError, NotImplementedError):
        return None


def reset_peak(device):
    if device.accelerator:
        try:
            tf.config.experimental.reset_memory_stats(device.place[1:])
        except (ValueError, RuntimeError, NotImplementedError, AttributeError):
            pass


_OUT_OF_MEMORY = ("out of memory", "resource_exhausted", "failed to allocate", "oom when allocating")


def is_out_of_memory(error):
    """Whether an exception says that memory is short, on the device or the host."""
    if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return True
    text = str(error).lower()
    return isinstance(error, (RuntimeError, tf.errors.OpError)) and any(one in text for one in _OUT_OF_MEMORY)
