#!/bin/sh
# Builds the RPMs of the last commit in build/rpm, or prints what is missing: `make rpm`.
# PYTHON=/usr/bin/python3.12 builds them for machines with another Python.
set -eu
cd "$(dirname "$0")/.."

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

command -v rpmbuild > /dev/null || stop "rpmbuild is missing." \
    "Install it: apt-get install rpm (Debian, Ubuntu), dnf install rpm-build (Fedora, RHEL, Rocky)"
python=$(find_python)
[ -x "$python" ] || stop "The packages need the system's Python, 3.11 or newer, in /usr/bin, and there is none." \
    "Install it: dnf install python3.11 (RHEL 9, Rocky 9), or name it: PYTHON=/usr/bin/python3.12 make rpm"
"$python" -c 'import ensurepip, venv' 2> /dev/null || stop "The venv module of $python is missing." \
    "Install it: apt-get install python3-venv (Debian, Ubuntu)"
git rev-parse --verify --quiet HEAD > /dev/null || stop "This is not a git checkout: the packages are built from the last commit."
[ -z "$(git status --porcelain)" ] || echo "Uncommitted changes will not be in the packages." >&2

top=$PWD/build/rpm
rm -rf "$top"
mkdir -p "$top/SOURCES"
version=$(git show HEAD:specs/lgi.spec | sed -n 's/^Version: //p')
git archive --prefix="lgi-$version/" -o "$top/SOURCES/lgi-$version.tar.gz" HEAD
tar -xzf "$top/SOURCES/lgi-$version.tar.gz" -C "$top"

echo "Fetching the Python packages of requirements.lock for $python ..."
"$python" -m venv "$top/venv"
"$top/venv/bin/python" -m pip --disable-pip-version-check -q wheel --require-hashes \
    -r "$top/lgi-$version/requirements.lock" -w "$top/wheels" ||
    stop "The Python packages could not be downloaded: see above." "Check the network, or set a proxy (https_proxy)."
tar -cf "$top/SOURCES/lgi-$version-wheels.tar" -C "$top" wheels
rm -rf "$top/venv" "$top/wheels"

# On machines without RPM packages the dependencies cannot be checked.
nodeps=
rpm -q rpm > /dev/null 2>&1 || nodeps=--nodeps
# shellcheck disable=SC2086
rpmbuild -ba --quiet $nodeps --define "_topdir $top" --define "python $python" "$top/lgi-$version/specs/lgi.spec" \
    > "$top/log" 2>&1 || { tail -n 20 "$top/log" >&2; stop "rpmbuild failed: see its output in $top/log"; }
rm -rf "$top/BUILD" "$top/BUILDROOT" "$top/lgi-$version"
find "$top" -name '*.rpm'
