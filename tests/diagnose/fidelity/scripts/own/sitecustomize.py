import builtins
import sys

builtins.from_site = "my own sitecustomize"
print("sitecustomize is", __name__, sys.modules[__name__].__file__.rsplit("/", 2)[-2:], flush=True)
