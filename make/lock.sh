#!/bin/sh
# Writes requirements.lock: what LGI needs to run and to be built, in the versions of constraints.txt, each with the digests of
# all its files on PyPI. What pip is configured with on this machine (other indexes, directories of files) has no part in it.
set -eu
cd "$(dirname "$0")/.."
export PIP_CONFIG_FILE=/dev/null
unset PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_TRUSTED_HOST
written=$(mktemp)
trap 'rm -f "$written"' EXIT
.venv/bin/pip-compile -q --no-config --generate-hashes --all-build-deps --allow-unsafe --strip-extras --no-header --no-annotate \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -c constraints.txt -o - setup.cfg > "$written"
{
    echo "# Made by \"make lock\" from setup.cfg and constraints.txt, for pip install --require-hashes -r requirements.lock"
    cat "$written"
} > requirements.lock
