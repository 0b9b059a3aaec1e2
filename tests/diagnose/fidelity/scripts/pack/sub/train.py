"""`python -m pack.sub.train`, with relative imports and a command line."""

import argparse
import sys

from ..tools import double

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, required=True)
arguments = parser.parse_args()
print(__name__, __package__, __spec__.name, sys.argv[1:], double(arguments.rate))
raise SystemExit("no data at this rate")
