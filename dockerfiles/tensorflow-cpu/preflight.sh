#!/bin/sh
# Says in one line what the host lacks, before a framework fails on it; then runs the command.
# `docker run --user` may name somebody without a home and without a name: caches need both.
if [ ! -w "${HOME:-/}" ]; then
  HOME=$(mktemp -d) && export HOME
fi
id -un >/dev/null 2>&1 || export LOGNAME="${LOGNAME:-envkit}"
exec "$@"
