#!/bin/sh
# Builds the wheel of LGI in build/wheel or another directory, with manual pages and completion, which `pip install .` of the
# sources does not have.
set -eu
cd "$(dirname "$0")/.."
umask 022
# Of two commands at once the second one waits: both write these directories.
if command -v flock > /dev/null; then
    mkdir -p build
    exec 9> build/wheel.lock
    flock 9
fi
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2> /dev/null || echo 315532800)
export SOURCE_DATE_EPOCH PYTHONDONTWRITEBYTECODE=1
rm -rf build/man build/completions build/lib build/bdist.*
.venv/bin/python -W ignore make/man.py build/man > /dev/null

# bash-completion looks for a file of the command's name.
mkdir -p build/completions
.venv/bin/LGI_complete bash > build/completions/LGI_complete
for name in $(sed -n 's/.* -F .* //p' build/completions/LGI_complete); do
    # The shell of the user expands this, not this one.
    # shellcheck disable=SC2016
    [ "$name" = LGI_complete ] || echo '. "${BASH_SOURCE[0]%/*}/LGI_complete"' > "build/completions/$name"
done
.venv/bin/python -m pip --disable-pip-version-check -q wheel --no-deps --no-build-isolation -w "${1:-build/wheel}" .
