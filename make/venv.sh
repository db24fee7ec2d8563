#!/bin/sh
# Makes .venv with everything the project and its tests need, or says in plain words what is missing.
# With an argument: adds that extra of setup.cfg, as "audit". EXTRAS=audit,browser: with these, if they can be had.
set -eu
cd "$(dirname "$0")/.."

stop() {
    printf '\n%s\n' "$@" >&2
    exit 1
}

is_new_enough() {
    command -v "$1" > /dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))'
}

# Under root jobs run as users of their own, and use LGI's programs: Python must not lie in root's home.
is_for_everybody() {
    program=$("$1" -c 'import sys; print(sys.executable)')
    # By a shell, since what setpriv itself starts is still found with root's rights.
    [ "$(id -u)" != 0 ] ||
        setpriv --reuid=65534 --regid=65534 --clear-groups sh -c '"$0" -c ""' "$program" 2> /dev/null
}

# The Python that was asked for, the first that all users can run, or else the first.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        ! is_new_enough "$PYTHON" || echo "$PYTHON"
        return
    fi
    set -- python3.11 python3 /usr/bin/python3
    for candidate in "$@"; do
        is_new_enough "$candidate" || continue
        first=${first:-$candidate}
        if is_for_everybody "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "${first:-}"
}

# Of two commands at once the second one waits, and finds what the first has made.
if command -v flock > /dev/null; then
    exec 9> .venv.lock
    flock 9
fi

is_made() {
    for source in setup.cfg constraints.txt make/venv.sh; do
        [ "$1" -nt "$source" ] || return 1
    done
}

pip() { .venv/bin/python -m pip --disable-pip-version-check -q "$@"; }

if [ -n "${1:-}" ]; then
    is_made ".venv/$1" || { pip install -c constraints.txt -e ".[$1]" && touch ".venv/$1"; }
    exit
fi
! is_made .venv/installed || exit 0

python=$(find_python)
[ -n "$python" ] || [ -z "${PYTHON:-}" ] || stop "PYTHON=$PYTHON is no Python 3.11 or newer, which LGI needs."
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
# One that was interrupted has a Python and no pip.
pip --version > /dev/null 2>&1 || "$python" -m venv --clear .venv || stop "Could not make .venv: see above."
extras=
# All in one go: pip prepares LGI itself anew each time.
if [ -n "${EXTRAS:-}" ] && pip install -c constraints.txt -e ".[server,test,$EXTRAS]" 2> /dev/null; then
    extras=$(echo "$EXTRAS" | tr , ' ')
elif ! pip install -c constraints.txt -e '.[server,test]'; then
    echo "The tested versions of constraints.txt cannot be had; trying the newest ones." >&2
    pip install -e '.[server,test]' || stop "The packages LGI needs could not be installed: see above." \
        "They come from PyPI: is there a network, or a proxy to set (https_proxy)?"
fi
# An editable installation copies what is not Python: the tests are of the sources.
ln -sf "$PWD/applications/library/LGI_backend" .venv/bin/LGI_backend
touch .venv/installed
for extra in $extras; do
    touch ".venv/$extra"
done
