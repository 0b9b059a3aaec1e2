"""`deep`: import one framework, say what got loaded, and compute on each device.

Every stage is told before it begins: the host sees a crash or a hang, and in what.
"""

import faulthandler
import importlib
import importlib.util
import time
import traceback

from . import mapped, numerics, origins

MODULES = {"torch": "smoke_torch", "tensorflow": "smoke_tensorflow", "jax": "smoke_jax"}


def run(emit, name):
    """Check the framework `name`. sys.path is the person's own by now."""
    faulthandler.enable()  # a fatal signal leaves the Python stack on stderr
    started = origins.environment()
    # Read before the framework is there, from our own package.
    ours = importlib.import_module("." + MODULES[name], __package__)
    emit.at("finding " + name)
    if importlib.util.find_spec(name) is None:
        emit("absent", state="absent")
        return
    emit.at("import " + name)
    start = time.monotonic()
    try:
        framework = importlib.import_module(name)
        version = str(framework.__version__)
    except BaseException as error:  # SystemExit and KeyboardInterrupt of a broken package too
        emit("libraries", libraries=mapped.libraries(started))
        _exception(emit, error)
        return
    emit("imported", version=version, import_seconds=round(time.monotonic() - start, 3))
    emit("libraries", libraries=mapped.libraries(started))
    try:
        _computed(emit, ours, framework, started)
    except Exception as error:
        _exception(emit, error)


def _computed(emit, ours, framework, started):
    emit.at("listing devices")
    backend = ours.Backend(framework)
    emit("devices", devices=backend.devices, cudnn_version=backend.cudnn_version, threads=backend.threads)
    for failed in backend.not_started:
        emit("smoke", **failed)
    for device in backend.devices:
        for dtype in numerics.DTYPES:
            for op in numerics.OPS:
                emit.at("{} {} on {}".format(op, dtype, device))
                emit("smoke", **_smoke(backend, device, op, dtype))
    emit("libraries", libraries=mapped.libraries(started))  # many are loaded at their first use


def _smoke(backend, device, op, dtype):
    """One SmokeResult."""
    result = {"device": device, "op": op, "dtype": dtype}
    start = time.monotonic()
    try:
        error = float(backend.error(device, op, dtype))
    except Exception as failure:
        unsupported = numerics.is_unsupported(failure)
        text = " ".join(str(failure)[:800].split())
        prefix = "not supported here" if unsupported else type(failure).__name__
        return dict(result, ok=unsupported, detail="{}: {}".format(prefix, text))
    tolerance = numerics.tolerance(op, dtype, numerics.LENGTH[op], device)
    finite = error == error and error != float("inf")
    return dict(
        result,
        ok=error <= tolerance,  # False for NaN
        error=error if finite else None,
        tolerance=tolerance,
        detail="" if finite else "the result is not finite",
        seconds=round(time.monotonic() - start, 4),
    )


def _exception(emit, error):
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    emit(
        "exception",
        error_type=type(error).__name__,
        error=str(error)[:2000],
        traceback=text if len(text) <= 8000 else text[:2000] + "\n...\n" + text[-6000:],
    )
