#!/bin/bash
# As people start their training.
set -e
cat <&3
cd "$(dirname "$0")"
python adds_numbers.py < <(printf '1\n2\n') || echo "ended with $?"
exec python - "$@" <<'END'
import sys
print("from standard input", __name__, sys.argv)
raise RuntimeError("at the end")
END
