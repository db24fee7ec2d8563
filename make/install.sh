#!/bin/sh
# Installs LGI from this directory, with the packages of requirements.lock, their digests checked, and links to the commands.
# An ordinary user gets it in .venv and ~/.local/bin; root in /opt/lgi, where every account can use it, and /usr/local/bin, with
# the account and the directories of a project server as the packages have them. With an argument: the directory for the links.
set -eu
cd "$(dirname "$0")/.."
umask 022

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || {
    echo "LGI needs Python 3.11 or newer: install it, or name it: PYTHON=/path/to/python3.11 sh $PWD/make/install.sh" >&2
    exit 1
}
"$python" -c 'import ensurepip, venv' 2> /dev/null || {
    echo "Python's venv module is missing. Install it: apt-get install python3-venv" >&2
    exit 1
}
if [ "$(id -u)" = 0 ]; then
    home=/opt/lgi bin=/usr/local/bin
else
    home=$PWD/.venv bin=$HOME/.local/bin
fi
case ${1:-} in
    -*)
        echo "usage: [PYTHON=/path/to/python3] sh make/install.sh [DIRECTORY_FOR_LINKS]" >&2
        exit 1
        ;;
esac
bin=${1:-$bin}

"$python" -m venv "$home"
"$home/bin/python" -m pip --disable-pip-version-check -q install --require-hashes -r requirements.lock
"$home/bin/python" -m pip --disable-pip-version-check -q install --no-deps --no-build-isolation .
mkdir -p "$bin"
for program in "$home"/bin/LGI_* "$home/bin/ManageDB"; do
    ln -sf "$program" "$bin/"
done

# As the packages' scripts; see specs/lgi-sysusers.conf.
if [ "$(id -u)" = 0 ] && ! getent passwd lgi > /dev/null; then
    useradd --system --user-group --home-dir /var/lib/lgi/server --shell /usr/sbin/nologin lgi
    install -d /etc/lgi /var/lib/lgi
    install -d -m 700 /etc/lgi/daemon
    install -d -m 711 /var/lib/lgi/jobs
    install -d -m 750 -o lgi -g lgi /etc/lgi/server /var/lib/lgi/server
fi

echo "LGI is installed; its commands are in $bin"
case ":$PATH:" in *":$bin:"*) ;; *) echo "Type this now, and write it into ~/.profile: export PATH=\"$bin:\$PATH\"" ;; esac
