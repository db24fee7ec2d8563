#!/bin/sh
# Writes what LGI needs to run and to be built, in the versions of constraints.txt, each with the digests of all its files on
# PyPI: requirements.lock for all of LGI, requirements-tools.lock for the tools and the daemon.
# What pip is configured with on this machine (other indexes, directories of files) has no part in it.
set -eu
cd "$(dirname "$0")/.."
export PIP_CONFIG_FILE=/dev/null
unset PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_TRUSTED_HOST
written=$(mktemp)
trap 'rm -f "$written"' EXIT

# lock FILE EXTRA
lock() {
    .venv/bin/pip-compile -q --no-config --generate-hashes --extra "$2" --all-build-deps --allow-unsafe --strip-extras \
        --no-header --no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -c constraints.txt \
        -o - setup.cfg > "$written"
    {
        echo "# Made by \"make lock\" from setup.cfg and constraints.txt, for pip install --require-hashes -r $1"
        cat "$written"
    } > "$1"
}

lock requirements.lock server
lock requirements-tools.lock tools
