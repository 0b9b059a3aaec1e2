"""Looks whether torch is there and does not import it; its folder has modules named like the library's."""

import importlib
import importlib.metadata
import importlib.util
import random
import sys

spec = importlib.util.find_spec("torch")
print(type(spec).__name__, type(spec.loader), spec.origin, spec.loader.is_package("torch"), repr(spec)[:20])
print(importlib.metadata.version("torch"), "torch" in sys.modules, "numpy" in sys.modules)
import json  # noqa: E402
import statistics  # noqa: E402, F401

print(hasattr(json, "dumps"), importlib.reload(json).__name__)
random.seed(4)
print(random.random(), random.Random(5).random(), random.seed.__qualname__)
importlib.invalidate_caches()
try:
    import no_such_module  # noqa: F401
except ImportError as error:
    print(error, error.__traceback__.tb_next)
import tensorflow  # noqa: E402, F401
