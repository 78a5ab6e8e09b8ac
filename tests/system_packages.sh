#!/bin/sh
# Install the Debian packages that are missing, or say plainly which ones to install.
# Usage: system_packages.sh [venv]     venv: what `python3 -m venv` needs; else: what the tests need
set -eu

wanted=""
if [ "${1:-}" = venv ]; then
    wanted="python3-venv"
elif ! command -v chromium >/dev/null 2>&1; then
    wanted="chromium"
fi
[ -n "$wanted" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing the Debian package $wanted"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
else
    echo "missing: $wanted. Install it first (Debian: sudo apt-get install $wanted)." >&2
    exit 1
fi
