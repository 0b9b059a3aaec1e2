"""Reads its standard input."""

import sys

total = 0
for line in sys.stdin:
    total += int(line)
    print("so far", total, flush=True)
print("in all", total, file=sys.stderr)
sys.exit(total % 256)
