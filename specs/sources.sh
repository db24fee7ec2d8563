# shellcheck shell=sh disable=SC2034
# For build.sh and build_deb.sh, which read this file: what they need of the machine, and the sources of the packages.
# SOURCES: the last commit as a directory; WHEELS: the Python packages of requirements.lock; VERSION, RELEASE, PYTHON.

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

# The packages require this program with its version, because their modules are compiled for it.
find_python() {
    for candidate in ${PYTHON:-/usr/bin/python3.11 /usr/bin/python3}; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || continue
        "$candidate" -c 'import sys; print("/usr/bin/python%d.%d" % sys.version_info[:2])'
        return
    done
}

# Stops with what is missing, before anything is made.
check_machine() {
    PYTHON=$(find_python)
    [ -x "$PYTHON" ] || stop "The packages need the system's Python, 3.11 or newer, in /usr/bin, and there is none." \
        "Install it: dnf install python3.11 (RHEL 9, Rocky 9), or name it: PYTHON=/usr/bin/python3.12 make rpm"
    "$PYTHON" -c 'import ensurepip, venv' 2> /dev/null || stop "The venv module of $PYTHON is missing." \
        "Install it: apt-get install python3-venv (Debian, Ubuntu)"
    git rev-parse --verify --quiet HEAD > /dev/null ||
        stop "This is not a git checkout: the packages are built from the last commit."
    [ -z "$(git status --porcelain)" ] || echo "Uncommitted changes will not be in the packages." >&2
}

# The same commit makes the same packages: times are those of the commit, and nothing depends on hashes or the user's settings.
fix_environment() {
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
    export SOURCE_DATE_EPOCH PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8 TZ=UTC
    umask 022
}

# Fetches the sources into a new directory: fetch_sources DIRECTORY
fetch_sources() {
    rm -rf "$1"
    mkdir -p "$1"
    git archive --prefix=sources/ HEAD | tar -x -C "$1"
    SOURCES=$1/sources
    WHEELS=$1/wheels
    VERSION=$(sed -n 's/^version = //p' "$SOURCES/setup.cfg")
    RELEASE=${RELEASE:-1}
    echo "Fetching the Python packages of requirements.lock for $PYTHON ..."
    "$PYTHON" -m venv "$1/venv"
    "$1/venv/bin/python" -m pip --disable-pip-version-check -q download --only-binary :all: --require-hashes \
        -r "$SOURCES/requirements.lock" -d "$WHEELS" ||
        stop "The Python packages could not be downloaded: see above." "Check the network, or set a proxy (https_proxy)."
    rm -rf "$1/venv"
}
