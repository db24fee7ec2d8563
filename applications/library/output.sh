# shellcheck shell=sh
# LGI_output: standard output, standard error, and how it ended, always in the last line. And "end" in the state
# directory, which tells the daemon: what the job has noted, with what else must be known of its end.

# report NOTE: 0 when it is written as a whole. A disk that is full gives back what was kept apart for this.
report() {
    full=
    write_output "$1" && return
    ! is_full || full=yes
    rm -f "$own/reserve"
    write_output "$1"
}

# report_or_make_room NOTE: the files of the job go only when the disk is full.
report_or_make_room() {
    report "$1" && return
    [ -n "$full" ] || return
    make_room
    report "$1"
}

# Whether the disk takes no more: by the message for the error number, since writes fail for other reasons too.
is_full() {
    remove "$own/probe"
    failure=$({ head -c 65536 /dev/zero > "$own/probe"; } 2>&1)
    rm -f "$own/probe"
    case "$failure" in *'No space left on device'* | *'quota exceeded'*) return 0 ;; esac
    return 1
}

# remove PATH: also a directory that was closed to its own user; no link is followed.
remove() {
    [ -h "$1" ] || [ ! -d "$1" ] || chmod -R u+rwx "$1"
    rm -rf "$1"
} 2> /dev/null

# The last means to report a job that has filled its disk: its own files go.
make_room() {
    [ -n "$full" ] || return 1
    find . -mindepth 1 -maxdepth 1 ! -name 'LGI_*' ! -name '.LGI_*' -exec rm -rf {} + 2> /dev/null
    for stream in "$own/stdout" "$own/stderr"; do
        [ "$(size "$stream")" -le "$limit" ] || truncate -s "$limit" "$stream"
    done
}

# write_output NOTE: makes both, again if need be; the note is of files that could not be stored.
write_output() {
    limit=4096
    read -r limit < LGI_max_output_size
    read_end
    explain "$1"
    write_end
    trailer=$(exit_line)
    # They are told in "end" all the same.
    [ $((${#notes} + ${#trailer})) -lt "$limit" ] || notes=
    # Whole lines in brackets take 100 bytes; of two streams that are too long the errors get a quarter.
    room=$((limit - ${#notes} - ${#trailer} - 200))
    [ "$room" -gt 0 ] || room=0
    errors=$(size "$own/stderr")
    [ "$errors" -le $((room / 4)) ] || [ $((errors + $(size "$own/stdout"))) -le "$room" ] || errors=$((room / 4))
    remove LGI_output
    {
        excerpt "$own/stdout" $((room - errors))
        ! says "$errors" || { echo '[LGI: standard error]' && excerpt "$own/stderr" "$errors"; }
        printf '%s%s\n' "$notes" "$trailer"
    } > LGI_output 2> /dev/null
    [ "$(tail -c $((${#trailer} + 1)) LGI_output)" = "$trailer" ]
}

# says BYTES: whether there is more than blanks in so much of standard error.
says() {
    [ "$1" -gt 0 ] && [ -n "$(head -c "$1" "$own/stderr" | tr -d '[:space:]\000')" ]
}

# No link is followed: in a container it may have been made by somebody who may read less than we.
size() {
    if [ -f "$1" ] && [ ! -h "$1" ]; then wc -c < "$1"; else echo 0; fi
}

excerpt() {
    [ "$(size "$1")" -gt 0 ] || return 0
    head -c "$2" "$1"
    # What follows begins a line. As numbers: a shell drops NUL.
    case "$(head -c "$2" "$1" | tail -c 1 | od -A n -t x1)" in '' | *0a*) ;; *) echo ;; esac
    [ "$(size "$1")" -le "$2" ] || echo "[LGI: cut, it has $(size "$1") bytes]"
}

# Sets code, signal and why, empty when they are not known. Whatever ran as the user of the job may have written
# the file, of any size and kind. Only job_abort sets `aborted`.
read_end() {
    code='' signal='' why=''
    if [ -e "$own/end" ] || [ -h "$own/end" ]; then
        parse_end
    elif [ "$(size "$own/exit")" -gt 0 ]; then
        code=$(head -c 4096 "$own/exit" | tr -d '\000' | sed -n 1p)
        why=$(head -c 4096 "$own/exit" | tr -d '\000' | sed -n 2p)
    elif [ -z "${aborted:-}" ]; then
        why="the job ended without a trace of its own end"
    fi
    code=$(number_upto 255 "$code") signal=$(number_upto 64 "$signal")
    [ "$signal" != 0 ] || signal=
    # They exclude each other: with both neither is known.
    [ -z "$code" ] || [ -z "$signal" ] || code='' signal=''
    why=$(printf '%s' "$why" | tr '[:cntrl:]' ' ' | head -c 600)
    [ -n "$code$signal$why${aborted:-}" ] || why="the record of its end cannot be read"
}

parse_end() {
    [ "$(size "$own/end")" -gt 0 ] || return 0
    lines=$(head -c 4096 "$own/end" 2> /dev/null | tr -d '\000\r')
    while IFS='=' read -r name value; do
        case "$name" in
            exit_code) code=$value ;;
            exit_signal) signal=$value ;;
            reason) why=$value ;;
        esac
    done << END
$lines
END
    # What `explain` has added the last time.
    why=${why%%not all files were stored: *}
    why=${why%%not stored: *}
    why=${why%; }
}

# number_upto MOST TEXT: the number, without leading zeros; nothing when it is none, or above that.
number_upto() {
    case "$2" in '' | *[!0-9]* | ????*) return ;; esac
    value=${2#0} value=${value#0}
    [ "${value:-0}" -gt "$1" ] || echo "${value:-0}"
}

# explain NOTE: notes for the output, and the reason for "end".
explain() {
    notes=
    [ -z "$full" ] || add_reason 'No space left on device'
    [ "$(size "$own/memory")" -eq 0 ] || add_reason "$(told "$own/memory" | head -c 200)"
    reason=$why
    [ -z "$1" ] || add_note "not all files were stored: $1"
    # LGI_stage names there what it will never store.
    [ "$(size "$own/not_stored")" -eq 0 ] || add_note "not stored: $(told "$own/not_stored")"
}

add_reason() {
    case "$why" in *"$1"*) ;; *) why=${why:+$why; }$1 ;; esac
}

add_note() {
    reason="${reason:+$reason; }$1"
    notes="${notes}[LGI: $1]
"
}

# On a full disk the one that is there stays.
write_end() {
    # A directory would take the file in.
    for mark in end "end.$$"; do
        if [ -d "$own/$mark" ] || [ -h "$own/$mark" ]; then remove "$own/$mark"; fi
    done
    # The one that is there may be linked to end.new, and must not be lost on a full disk.
    lines=${signal:+exit_signal=$signal}${code:+exit_code=$code}${reason:+
reason=$reason}
    printf '%s\n' "$lines" > "$own/end.$$" 2> /dev/null
    if [ "$(cat "$own/end.$$")" = "$lines" ]; then mv -f "$own/end.$$" "$own/end"; else rm -f "$own/end.$$"; fi
}

exit_line() {
    [ -z "$signal" ] || code=$((128 + signal))
    case "$code" in
        '') printf '[LGI: no exit code: %s]' "${why:-aborted}" ;;
        *) printf '[LGI: exit code %d%s]' "$code" "${why:+: $why}" ;;
    esac
}
