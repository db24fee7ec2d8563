# shellcheck shell=sh
# LGI_output: standard output, standard error, and how it ended, always in the last line.

# write_output NOTE: makes it, again if need be; the note is of files that could not be stored.
write_output() {
    limit=4096
    read -r limit < LGI_max_output_size
    trailer=$(ending)
    [ -z "$1" ] || trailer="[LGI: not all files were stored: $1]
$trailer"
    # Whole lines in brackets take 100 bytes; of two streams that are too long the errors get a quarter.
    room=$((limit - ${#trailer} - 200))
    errors=$(size $own/stderr)
    [ "$errors" -le $((room / 4)) ] || [ $((errors + $(size $own/stdout))) -le "$room" ] || errors=$((room / 4))
    rm -rf LGI_output
    {
        shown_of $own/stdout $((room - errors))
        ! says "$errors" || { echo '[LGI: standard error]' && shown_of $own/stderr "$errors"; }
        printf '%s\n' "$trailer"
    } > LGI_output
}

# says BYTES: whether there is more than blanks in so much of standard error.
says() {
    [ "$1" -gt 0 ] && [ -n "$(head -c "$1" $own/stderr | tr -d '[:space:]\000')" ]
}

# No link is followed: in a container it may have been made by somebody who may read less than we.
size() {
    if [ -f "$1" ] && [ ! -h "$1" ]; then wc -c < "$1"; else echo 0; fi
}

shown_of() {
    [ "$(size "$1")" -gt 0 ] || return 0
    head -c "$2" "$1"
    # What follows begins a line.
    [ -z "$(head -c "$2" "$1" | tail -c 1)" ] || echo
    [ "$(size "$1")" -le "$2" ] || echo "[LGI: cut, it has $(size "$1") bytes]"
}

ending() {
    code=- why=
    { read -r code && read -r why; } < $own/exit
    case "$code" in
        '' | *[!0-9]*) printf '[LGI: no exit code: %s]' "$why" ;;
        *) printf '[LGI: exit code %s%s]' "$code" "${why:+: $why}" ;;
    esac
}
