#!/bin/sh
# Installs LGI from this directory: in .venv, with the packages of requirements.lock, their digests checked, and links to the
# commands in /usr/local/bin (root) or ~/.local/bin. With an argument: the directory for the links.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || {
    echo "LGI needs Python 3.11 or newer: install it, or name it: PYTHON=/path/to/python3.11 $0" >&2
    exit 1
}
"$python" -c 'import ensurepip, venv' 2> /dev/null || {
    echo "Python's venv module is missing. Install it: apt-get install python3-venv" >&2
    exit 1
}
"$python" -m venv .venv
.venv/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements.lock
.venv/bin/python -m pip --disable-pip-version-check -q install --no-deps --no-build-isolation .

if [ "$(id -u)" = 0 ]; then bin=/usr/local/bin; else bin=$HOME/.local/bin; fi
bin=${1:-$bin}
mkdir -p "$bin"
for program in .venv/bin/LGI_* .venv/bin/ManageDB; do
    ln -sf "$PWD/$program" "$bin/"
done
echo "LGI is installed; its commands are in $bin"
case ":$PATH:" in *":$bin:"*) ;; *) echo "Add it to your PATH: export PATH=\"$bin:\$PATH\"" ;; esac
