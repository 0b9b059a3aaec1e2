"""Devices of torch: which one, its events, memory and numbers."""

import datetime
import os

import torch

from .bench import NoDevice, Unsupported
from .processor import processor


def module(device):
    """torch.cuda, torch.mps, torch.xpu; None for a CPU."""
    return None if device.type == "cpu" else getattr(torch, device.type)


def available():
    """Names of the devices that can be used; a CUDA that does not start is none."""
    found = ["cpu"]
    for kind in ("cuda", "xpu", "mps"):
        part = getattr(torch, kind, None)
        try:
            number = part.device_count() if part is not None and _ready(kind, part) else 0
        except Exception:
            number = 0
        found += [kind] if kind == "mps" and number else ["{}:{}".format(kind, one) for one in range(number)]
    return found


def _ready(kind, part):
    if kind == "mps":
        return torch.backends.mps.is_available()
    if not part.is_available():
        return False
    part.init()
    return True


def pick(asked, world):
    """(torch.device, notes). NoDevice when it is not there."""
    found = available()
    notes = []
    if asked == "auto":
        accelerators = [name for name in found if name != "cpu"]
        asked = accelerators[0].split(":")[0] if accelerators else "cpu"
        why = why_no_cuda()
        if asked == "cpu" and torch.version.cuda and "no NVIDIA driver" not in why:
            notes.append("the CPU was used: {}".format(why))
    kind, _, index = asked.partition(":")
    if kind == "cpu":
        return torch.device("cpu"), notes
    if kind == "mps":
        name = "mps"
    else:
        number = int(index) if index else world.local_rank
        name = "{}:{}".format(kind, number)
    if name not in found:
        why = why_no_cuda() if kind == "cuda" else "torch finds none"
        of_kind = [one for one in found if one.startswith(kind)]
        if of_kind and world.size > 1 and not index:
            why = "process {} of this node has no GPU of its own: there are {}".format(
                world.local_rank, len(of_kind)
            )
        elif of_kind:
            why = "there is only {}".format(", ".join(of_kind))
        raise NoDevice(asked, why, found)
    return torch.device(name), notes


def why_no_cuda():
    """Why torch.cuda does not start, in its own words; "" when it does."""
    if not (torch.version.cuda or getattr(torch.version, "hip", None)):
        return "this torch ({}) is built for the CPU only".format(torch.__version__)
    try:
        torch.cuda.init()
    except Exception as error:
        return " ".join(str(error)[:500].split())
    return "" if torch.cuda.device_count() else "no GPU is visible"


def start(device, world):
    """Use the device; join the other processes."""
    if device.type in ("cuda", "xpu"):
        module(device).set_device(device)
    if world.size > 1:
        torch.distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo", timeout=datetime.timedelta(minutes=5)
        )


def share_cpus(processes):
    """Threads of one of so many processes on this machine.

    The launch of one process gets as many as each of the largest launch, so that their ratio is scaling. Left
    alone, torchrun gives 1 to each of several processes, and torch all CPUs to one.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    torch.set_num_threads(max(1, cpus // processes))


def set_precision(precision):
    """Set the switches of fp32: with TF32 or without."""
    fast = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = fast
    torch.backends.cudnn.allow_tf32 = fast
    # Shapes do not change: cuDNN may try its algorithms in the first step, as published figures have it.
    torch.backends.cudnn.benchmark = True


def check_precision(precision, device):
    """Unsupported, with the reason, when this device cannot train in `precision`."""
    if precision == "fp32":
        return
    name = "{} on {}".format(precision, device)
    if device.type == "cuda" and not getattr(torch.version, "hip", None):
        capability = torch.cuda.get_device_capability(device)
        if precision in ("tf32", "bf16") and capability < (8, 0):
            text = "{}: this GPU has compute capability {}.{}, which begins at 8.0 for it"
            raise Unsupported(text.format(name, *capability))
    elif precision == "tf32":
        raise Unsupported("{}: TF32 is a mode of NVIDIA GPUs from compute capability 8.0 on".format(name))
    if precision in ("bf16", "fp16"):
        _try_half(torch.bfloat16 if precision == "bf16" else torch.float16, device, name)


def _try_half(kind, device, name):
    try:
        weight = torch.ones(8, 8, device=device, requires_grad=True)
        with torch.autocast(device.type, dtype=kind):
            product = weight @ weight
        product.sum().backward()
    except Exception as error:
        raise Unsupported("{}: {}".format(name, " ".join(str(error)[:300].split())))
    if product.dtype != kind:
        raise Unsupported("{}: autocast of torch {} does not do it".format(name, torch.__version__))


def scaler(device):
    """A loss scaler for fp16."""
    modern = getattr(torch.amp, "GradScaler", None)
    if modern is not None:
        return modern(device.type)
    if device.type != "cuda":
        raise Unsupported("fp16 on {}: needs a loss scaler, which torch has from 2.3 on".format(device))
    return torch.cuda.amp.GradScaler()


def environment(device):
    """device, threads, cuda, cudnn of the "environment" line."""
    cuda = device.type == "cuda"
    cudnn = torch.backends.cudnn.version() if cuda else None
    return {
        "device": described(device),
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda if cuda else None,
        "cudnn": None if cudnn is None else str(cudnn),
    }


def described(device):
    """Fields of samples.Device."""
    if device.type in ("cpu", "mps"):
        return {"kind": device.type, "name": processor(), "index": None, "uuid": None, "memory": None}
    found = module(device).get_device_properties(device)
    uuid = getattr(found, "uuid", None)
    uuid = None if uuid is None else str(uuid)
    if uuid and device.type == "cuda" and not uuid.startswith(("GPU-", "MIG-")):
        uuid = "GPU-" + uuid
    return {
        "kind": device.type,
        "name": found.name,
        "index": device.index,
        "uuid": uuid,
        "memory": found.total_memory,
    }


def event(device):
    """Makes a timing event on this device; None for a CPU."""
    part = module(device)
    if part is None:
        return None
    make = getattr(part, "Event", None) or part.event.Event
    return lambda: make(enable_timing=True)


def sync(device):
    part = module(device)
    if part is not None:
        part.synchronize()


def peak_memory(device):
    """Most bytes that torch had allocated on the device."""
    part = module(device)
    return part.max_memory_allocated(device) if hasattr(part, "max_memory_allocated") else None


def reset_peak(device):
    part = module(device)
    if hasattr(part, "reset_peak_memory_stats"):
        part.reset_peak_memory_stats(device)


def empty(device):
    part = module(device)
    if part is not None:
        part.empty_cache()


def is_out_of_memory(error):
    """Whether an exception says that memory is short, on the device or the host."""
    known = [getattr(torch, "OutOfMemoryError", None), getattr(torch.cuda, "OutOfMemoryError", None)]
    if isinstance(error, tuple([MemoryError] + [one for one in known if one is not None])):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in _OUT_OF_MEMORY)


_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "alloc_failed",
    "out_of_memory",
    "failed to allocate",
)


def pair(lesson, made, device):
    """(inputs, targets) of a lesson as tensors."""
    values, wanted = made
    kind = torch.float32 if values.typecode == "f" else torch.int32
    inputs = torch.frombuffer(values, dtype=kind).reshape(-1, *lesson.shape)
    targets = torch.frombuffer(wanted, dtype=torch.int32)
    if values.typecode == "i":
        inputs, targets = inputs.long(), targets.reshape(inputs.shape)
    return inputs.to(device), targets.long().to(device)
