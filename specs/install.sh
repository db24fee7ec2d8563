#!/bin/sh
# Installs all of LGI below a directory as the packages have it, and writes a list of files for each package:
#   install.sh ROOT HOME MODULES PYTHON WHEELS LISTS     (in the directory of the sources)
# HOME is the virtual environment on the machines of users, as /usr/lib/lgi; MODULES is where the system's Python looks for
# modules; WHEELS and LISTS are directories.
set -eu
root=$1 home=$2 modules=$3 python=$4 wheels=$5 lists=$6
sources=$PWD
# No program that runs here may leave compiled modules with the path of ROOT in them.
export PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0

# The wheel of LGI is built here; pip and setuptools are not installed.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
pip() { "$work/venv/bin/python" -m pip --disable-pip-version-check -q "$@"; }
pip wheel --no-index --find-links "$wheels" --no-deps -w "$work" .
"$python" -m venv --without-pip "$root$home"
pip --python "$root$home/bin/python" install --no-index --find-links "$wheels" --no-compile --no-warn-script-location \
    "lgi[server] @ file://$(echo "$work"/lgi-*.whl)"
cd "$root$home"
site=$(echo lib/python*/site-packages)

# What the Python packages bring for developers.
rm -rf "$site"/gevent/tests "$site"/greenlet/tests "$site"/certifi/tests "$site"/zope/interface/tests
find "$site" -type f -regex '.*\.\(c\|cpp\|h\|hpp\|pxd\|pyx\|pxi\)' -delete
find "$site" -depth -type d -empty -delete

# Manual pages and completion, generated from the commands.
man=$root/usr/share/man completions=$root/usr/share/bash-completion/completions
bin/python -W ignore "$sources/make/man.py" "$man"
find "$man" -type f -exec gzip -9n {} +
mkdir -p "$completions"
bin/python bin/LGI_complete bash > "$completions/LGI_complete"
for name in $(sed -n 's/.* -F .* //p' "$completions/LGI_complete"); do
    [ "$name" = LGI_complete ] || ln -s LGI_complete "$completions/$name"
done

# Data are in /usr/share, to which a link of the virtual environment leads.
mv share/lgi "$root/usr/share/lgi"
rm -r share
ln -s "$(realpath -m --relative-to="$home" /usr/share)" share

# Only LGI's commands are kept, without the path of ROOT. They ignore Python's environment variables and the packages of the
# user (-E, -s).
mkdir -p "$root/usr/bin"
for program in bin/*; do
    case $program in
        bin/LGI_backend) ;;
        bin/LGI_* | bin/ManageDB)
            { echo "#!$home/bin/python -Es"; sed -n '/^import /,$p' "$program"; } > "$work/program"
            cat "$work/program" > "$program"
            ;;
        bin/python*) continue ;;
        *) rm "$program" && continue ;;
    esac
    ln -s "$(realpath -m --relative-to=/usr/bin "$home")/$program" "$root/usr/bin/"
done
sed -i '/^command/d' pyvenv.cfg
[ ! -d include ] || rm -r include

# Units, accounts, rotation of logs; the directories for configuration and data, whose owner and mode are the package's.
etc=$root/etc var=$root/var
install -D -m 644 -t "$root/usr/lib/systemd/system" "$sources"/specs/*.service
install -D -m 644 "$sources/specs/lgi-sysusers.conf" "$root/usr/lib/sysusers.d/lgi.conf"
install -D -m 644 -t "$etc/logrotate.d" "$sources"/specs/logrotate/*
install -d "$etc/lgi/certificates" "$etc/lgi/server" "$etc/lgi/daemon" "$var/lib/lgi/server" "$var/lib/lgi/jobs" "$var/log/lgi" "$var/log/lgi-daemon"

# A plain `import LGI` in the system's Python.
mkdir -p "$root$modules"
for module in LGI lgi_tools; do
    sed "s|SITE|$home/$site|" "$sources/specs/system_module.py" > "$root$modules/$module.py"
done

# Unchecked, because package managers change the time stamps of files.
bin/python -m compileall -q -f -s "$root" --invalidation-mode unchecked-hash lib
"$python" "$sources/specs/file_lists.py" "$root" "$home" "$lists"
for name in RECORD REQUESTED direct_url.json; do
    rm -f "$site"/*.dist-info/$name
done
