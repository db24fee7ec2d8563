#!/bin/sh
# Builds the RPMs of the last commit in build/rpm, or prints what is missing: `make rpm`.
# PYTHON=/usr/bin/python3.12 builds them for machines with another Python, RELEASE=2 is for new packages of the same version.
set -eu
cd "$(dirname "$0")/.."
. specs/sources.sh

command -v rpmbuild > /dev/null || stop "rpmbuild is missing." \
    "Install it: apt-get install rpm (Debian, Ubuntu), dnf install rpm-build (Fedora, RHEL, Rocky)"
check_machine
fix_environment
top=$PWD/build/rpm
fetch_sources "$top"

# An archive that depends on nothing but its contents.
archive() { tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$top" -cf "$@"; }
mkdir "$top/SOURCES"
archive "$top/SOURCES/LGI-$VERSION.tar" --transform "s|^sources|LGI-$VERSION|" sources
archive "$top/SOURCES/LGI-$VERSION-wheels.tar" wheels

# On machines without RPM packages the dependencies cannot be checked.
nodeps=
rpm -q rpm > /dev/null 2>&1 || nodeps=--nodeps
# One after the other: a source package has the path of this directory in it, and packages that are built with it its digest.
for kind in -bb -bs; do
    # shellcheck disable=SC2086
    rpmbuild $kind --quiet $nodeps --define "_topdir $top" --define "python $PYTHON" --define "release_number $RELEASE" \
        --define "_buildhost localhost" --define "use_source_date_epoch_as_buildtime 1" \
        --define "clamp_mtime_to_source_date_epoch 1" "$SOURCES/specs/LGI.spec" \
        >> "$top/log" 2>&1 || { tail -n 20 "$top/log" >&2; stop "rpmbuild failed: see its output in $top/log"; }
done
rm -rf "$top/BUILD" "$top/BUILDROOT" "$SOURCES" "$WHEELS"
find "$top" -name '*.rpm'
