#!/bin/sh
# Makes .venv with everything the project and its tests need, or says in plain words what is missing.
set -eu
cd "$(dirname "$0")/.."

stop() {
    printf '\n%s\n' "$@" >&2
    exit 1
}

find_python() {
    for candidate in "${PYTHON:-python3.11}" python3.11 python3; do
        if command -v "$candidate" > /dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "$candidate"
            return
        fi
    done
}

python=$(find_python)
[ -n "$python" ] || stop "LGI needs Python 3.11 or newer and found none." \
    "Install it (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.11"

# Debian keeps the venv module's other half in a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2> /dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "Installing python3-venv ..."
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; } > /dev/null ||
            stop "Python's venv module is missing and apt-get could not install python3-venv."
    else
        stop "Python's venv module is missing. Install it: sudo apt-get install python3-venv"
    fi
fi

echo "Making the virtual environment .venv (once) ..."
[ -x .venv/bin/python ] || "$python" -m venv .venv || stop "Could not make .venv: see above."
pip() { .venv/bin/python -m pip --disable-pip-version-check -q "$@"; }
if ! pip install -c constraints.txt -e '.[test]'; then
    echo "The tested versions of constraints.txt cannot be had; trying the newest ones." >&2
    pip install -e '.[test]' || stop "The packages LGI needs could not be installed: see above." \
        "They come from PyPI: is there a network, or a proxy to set (https_proxy)?"
fi
# An editable installation copies what is not Python: the tests are of the sources.
ln -sf "$PWD/applications/library/LGI_backend" .venv/bin/LGI_backend
touch .venv/installed
