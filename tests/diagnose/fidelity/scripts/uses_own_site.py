"""Relies on what the person's sitecustomize did."""

import builtins
import sys

print(builtins.from_site, sys.modules["sitecustomize"].sys is sys)
