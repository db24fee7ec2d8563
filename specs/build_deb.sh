#!/bin/sh
# Builds the Debian packages of the last commit in build/deb, or prints what is missing: `make deb`.
# They are for the release of Debian or Ubuntu that builds them. RELEASE=2 is for new packages of the same version.
set -eu
cd "$(dirname "$0")/.."
. specs/sources.sh

command -v dpkg-deb > /dev/null || stop "dpkg-deb is missing: Debian packages are built on Debian or Ubuntu."
PYTHON=${PYTHON:-/usr/bin/python3}
check_machine
fix_environment
top=$PWD/build/deb
fetch_sources "$top"
version=$VERSION-$RELEASE
architecture=$(dpkg --print-architecture)
(cd "$SOURCES" && sh specs/install.sh "$top/root" /usr/lib/lgi /usr/lib/python3/dist-packages "$PYTHON" "$WHEELS" "$top/lists") \
    > "$top/log" 2>&1 || { tail -n 20 "$top/log" >&2; stop "The installation failed: see its output in $top/log"; }

# This release's Python and C library: the modules are compiled for the one, the wheels are chosen for the other.
minor=${PYTHON#/usr/bin/python3.}
python="python3.$minor, python3 (>= 3.$minor), python3 (<< 3.$((minor + 1)))"
library="libc6 (>= $(getconf GNU_LIBC_VERSION | sed 's/.* //'))"

# Copies what belongs to a package: copy_files LGI_NAME DIRECTORY
copy_files() {
    sed -e '/^%dir /d' -e 's/^%config(noreplace) //' "$top/lists/$1" | sed 's|^/||' > "$top/files"
    tar -C "$top/root" --no-recursion -T "$top/files" -cf - | tar -C "$2" -xf -
}

# What each package has: copyright, changes, and what lintian is not to say.
add_documents() {
    documents=$2/usr/share/doc/$1
    mkdir -p "$documents" "$2/usr/share/lintian/overrides"
    cp "$SOURCES/specs/debian/copyright" "$documents/copyright"
    {
        echo "lgi ($version) stable; urgency=medium"
        printf '\n  * See CHANGELOG.md in /usr/share/lgi/documents of lgi-python.\n\n'
        echo " -- LGI <lgi@lists.example.org>  $(date -R -d "@$SOURCE_DATE_EPOCH")"
    } | gzip -9n > "$documents/changelog.Debian.gz"
    sed "s/^PACKAGE:/$1:/" "$SOURCES/specs/debian/overrides" > "$2/usr/share/lintian/overrides/$1"
}

# Directories of their own for configuration and data. Those of the user lgi are given to him by the script postinst.
add_directories() {
    case $1 in
        lgi-python) install -d "$2/etc/lgi" "$2/var/lib/lgi" ;;
        lgi-server)
            install -d -m 710 "$2/etc/lgi/certificates"
            install -d -m 750 "$2/etc/lgi/server" "$2/var/lib/lgi/server" "$2/var/log/lgi"
            ;;
        lgi-resource)
            install -d -m 700 "$2/etc/lgi/daemon"
            install -d -m 711 "$2/var/lib/lgi/jobs"
            install -d -m 750 "$2/var/log/lgi-daemon"
            ;;
    esac
}

# The description of a package and its scripts.
add_control() {
    mkdir "$2/DEBIAN"
    size=$(cd "$2" && find . -path ./DEBIAN -prune -o -type f -printf '%k\n' | awk '{ sum += $1 } END { print sum }')
    sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@SIZE@/$size/; s/@PYTHON@/$python/; s/@LIBRARY@/$library/" \
        "$SOURCES/specs/debian/$1.control" > "$2/DEBIAN/control"
    for script in postinst prerm postrm; do
        [ ! -e "$SOURCES/specs/debian/$1.$script" ] ||
            install -m 755 "$SOURCES/specs/debian/$1.$script" "$2/DEBIAN/$script"
    done
    sed -n 's/^%config(noreplace) //p' "$top/lists/$3" > "$2/DEBIAN/conffiles"
    [ -s "$2/DEBIAN/conffiles" ] || rm "$2/DEBIAN/conffiles"
    (cd "$2" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) > "$2/DEBIAN/md5sums"
}

for name in LGI_python LGI_cli LGI_server LGI_resource; do
    package=lgi-${name#LGI_}
    directory=$top/$package
    mkdir "$directory"
    copy_files "$name" "$directory"
    add_documents "$package" "$directory"
    add_directories "$package" "$directory"
    add_control "$package" "$directory" "$name"
    dpkg-deb --root-owner-group -Zxz -z3 --threads-max=1 --build "$directory" "$top" >> "$top/log"
    rm -rf "$directory"
done
rm -rf "$top/root" "$top/lists" "$top/files" "$SOURCES" "$WHEELS"
find "$top" -name '*.deb'
