#!/bin/sh
# Says in one line what the host lacks, before a framework fails on it; then runs the command.
needed=525.60.13
report=${ENVKIT_DRIVER_FILE:-/proc/driver/nvidia/version}
driver=$(sed -n 's/^NVRM version:.* \([0-9][0-9]*\.[0-9.]*[0-9]\) .*/\1/p' "$report" 2>/dev/null | head -n 1)
if [ -n "$driver" ] && [ "$(printf '%s\n%s\n' "$needed" "$driver" | sort -V | head -n 1)" != "$needed" ]; then
  echo "envkit: the host has NVIDIA driver $driver, and tensorflow 2.21.0 (cu125) needs $needed or newer: update the driver of the host, or build with --target-driver $driver" >&2
elif ! ls /dev/nvidia[0-9]* /dev/dxg /dev/nvhost-gpu >/dev/null 2>&1; then
  echo "envkit: no GPU in this container: run it with --gpus all (docker) or a GPU reservation (compose); the host needs NVIDIA driver $needed or newer and the NVIDIA container toolkit" >&2
fi
# `docker run --user` may name somebody without a home and without a name: caches need both.
if [ ! -w "${HOME:-/}" ]; then
  HOME=$(mktemp -d) && export HOME
fi
id -un >/dev/null 2>&1 || export LOGNAME="${LOGNAME:-envkit}"
exec "$@"
