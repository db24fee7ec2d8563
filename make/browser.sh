#!/bin/sh
# What the tests in a browser need beside Chromium: Playwright, which drives it, and axe-core, which looks at
# the pages as somebody who does not see them. Says what is missing where they cannot be had.
set -u
cd "$(dirname "$0")/.." || exit 1

version=4.14.1
axe="axe-core-$version"
hash=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5
place=.venv/share/$axe

skip() {
    echo "The tests in a browser will be skipped: $1" >&2
    exit 0
}

if ! .venv/bin/python -c 'import playwright' 2> /dev/null; then
    echo "Installing what drives a browser ..."
    .venv/bin/python -m pip --disable-pip-version-check -q install -c constraints.txt -e '.[browser]' ||
        skip "pip cannot install playwright"
fi

[ -e "$place/axe.min.js" ] && exit 0
command -v npm > /dev/null || skip "npm is missing"
fetched=$(mktemp -d) && trap 'rm -rf "$fetched"' EXIT
(cd "$fetched" && npm pack --silent "axe-core@$version" > /dev/null 2>&1) || skip "npm cannot fetch $axe"
echo "$hash  $fetched/$axe.tgz" | sha512sum --check --status || skip "$axe is not what it should be"
mkdir -p "$place" && tar -xzf "$fetched/$axe.tgz" -C "$place" --strip-components=1 package/axe.min.js package/LICENSE
