#!/bin/sh
# Makes .venv-plugins, with LGI, the plugins and the engines they are for, and runs each plugin's tests in it.
# PLUGINS=nextflow-lgi,...: only these. What cannot be installed here is said, and fails the run at its end.
set -eu
cd "$(dirname "$0")/.."
venv=.venv-plugins
pip() { "$venv/bin/python" -m pip --disable-pip-version-check -q "$@"; }

if [ ! -e "$venv/installed" ] || [ setup.cfg -nt "$venv/installed" ] || [ constraints.txt -nt "$venv/installed" ]; then
    echo "Making the virtual environment $venv ..."
    pip --version > /dev/null 2>&1 || .venv/bin/python -m venv --clear "$venv"
    pip install -c constraints.txt -e '.[server,test]'
    ln -sf "$PWD/applications/library/LGI_backend" "$venv/bin/LGI_backend"
    touch "$venv/installed"
fi

failed=
for description in plugins/*/pyproject.toml; do
    [ -e "$description" ] || continue
    plugin=$(dirname "$description")
    name=$(basename "$plugin")
    case ",${PLUGINS:-$name}," in *",$name,"*) ;; *) continue ;; esac
    # One mark a plugin: the engines of some are large.
    if [ ! -e "$venv/$name" ] || [ "$description" -nt "$venv/$name" ]; then
        if ! pip install -e "${plugin}[test]"; then
            failed="$failed $name"
            continue
        fi
        touch "$venv/$name"
    fi
    echo "$name:"
    # With the fixtures of the project's own tests: servers, daemons, a temporary directory for each run.
    "$venv/bin/python" -m pytest -p tests.conftest "$plugin/tests" || failed="$failed $name"
done
[ -z "$failed" ] || { echo "Failed:$failed" >&2; exit 1; }
