# shellcheck shell=sh
# Writes LGI_output: standard output, standard error and, in the last line, the end of the job. Also completes "end" in
# the state directory, which the daemon reads: the job's own record, with further reasons.

# report NOTE: fails unless everything is written. On a full disk the reserve is removed first.
report() {
    full=
    write_output "$1" && return
    ! is_full || full=yes
    rm -f "$own/reserve"
    write_output "$1"
}

# report_or_make_room NOTE: as report; removes the files of the job when the disk is full.
report_or_make_room() {
    report "$1" && return
    [ -n "$full" ] || return
    make_room
    report "$1"
}

# Whether the disk is full, by the text of the system error, since writes also fail for other reasons.
is_full() {
    remove "$own/probe"
    failure=$({ head -c 65536 /dev/zero > "$own/probe"; } 2>&1)
    rm -f "$own/probe"
    case "$failure" in *'No space left on device'* | *'quota exceeded'*) return 0 ;; esac
    return 1
}

# remove PATH: removes also a directory without permissions for its owner; follows no link.
remove() {
    [ -h "$1" ] || [ ! -d "$1" ] || chmod -R u+rwx "$1"
    rm -rf "$1"
} 2> /dev/null

# The last resort to report a job that has filled its disk: removes its files.
make_room() {
    [ -n "$full" ] || return 1
    find . -mindepth 1 -maxdepth 1 ! -name 'LGI_*' ! -name '.LGI_*' -exec rm -rf {} + 2> /dev/null
    for stream in "$own/stdout" "$own/stderr"; do
        [ "$(size "$stream")" -le "$limit" ] || truncate -s "$limit" "$stream"
    done
}

# write_output NOTE: writes both files, or replaces them; NOTE is about files that could not be stored.
write_output() {
    limit=4096
    read -r limit < LGI_max_output_size
    read_end
    explain "$1"
    write_end
    trailer=$(exit_line)
    # They are also in "end".
    [ $((${#notes} + ${#trailer})) -lt "$limit" ] || notes=
    # Lines in brackets take up to 100 bytes each; of two long streams standard error gets a quarter.
    room=$((limit - ${#notes} - ${#trailer} - 200))
    [ "$room" -gt 0 ] || room=0
    errors=$(size "$own/stderr")
    [ "$errors" -le $((room / 4)) ] || [ $((errors + $(size "$own/stdout"))) -le "$room" ] || errors=$((room / 4))
    remove LGI_output
    {
        excerpt "$own/stdout" $((room - errors))
        ! has_errors "$errors" || { echo '[LGI: standard error]' && excerpt "$own/stderr" "$errors"; }
        printf '%s%s\n' "$notes" "$trailer"
    } > LGI_output 2> /dev/null
    [ "$(tail -c $((${#trailer} + 1)) LGI_output)" = "$trailer" ]
}

# has_errors BYTES: whether that part of standard error contains more than blanks.
has_errors() {
    [ "$1" -gt 0 ] && [ -n "$(head -c "$1" "$own/stderr" | tr -d '[:space:]\000')" ]
}

# size PATH: prints the size of a file; 0 for a link, which may lead to a file that the job must not read.
size() {
    if [ -f "$1" ] && [ ! -h "$1" ]; then wc -c < "$1"; else echo 0; fi
}

# excerpt PATH BYTES: prints the beginning of a file, and a line when it is longer.
excerpt() {
    [ "$(size "$1")" -gt 0 ] || return 0
    head -c "$2" "$1"
    # Ends the last line. Compared as numbers, because the shell drops NUL.
    case "$(head -c "$2" "$1" | tail -c 1 | od -A n -t x1)" in '' | *0a*) ;; *) echo ;; esac
    [ "$(size "$1")" -le "$2" ] || echo "[LGI: cut, it has $(size "$1") bytes]"
}

# Sets code, signal and why, empty when unknown. Every process of the job's user may have written the file, of any size
# and type. Only job_abort sets `aborted`.
read_end() {
    code='' signal='' why=''
    if [ -e "$own/end" ] || [ -h "$own/end" ]; then
        parse_end
    elif [ "$(size "$own/exit")" -gt 0 ]; then
        code=$(head -c 4096 "$own/exit" | tr -d '\000' | sed -n 1p)
        why=$(head -c 4096 "$own/exit" | tr -d '\000' | sed -n 2p)
    elif [ -z "${aborted:-}" ]; then
        why="the job left no record of its end"
    fi
    code=$(number_upto 255 "$code") signal=$(number_upto 64 "$signal")
    [ "$signal" != 0 ] || signal=
    # They exclude each other: with both of them neither is valid.
    [ -z "$code" ] || [ -z "$signal" ] || code='' signal=''
    why=$(printf '%s' "$why" | tr '[:cntrl:]' ' ' | head -c 600)
    [ -n "$code$signal$why${aborted:-}" ] || why="the record of the job's end cannot be read"
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
    # Added by an earlier call of `explain`.
    why=${why%%not all files were stored: *}
    why=${why%%not stored: *}
    why=${why%; }
}

# number_upto MAXIMUM TEXT: prints a number without leading zeros; nothing for other text or a larger number.
number_upto() {
    case "$2" in '' | *[!0-9]* | ????*) return ;; esac
    value=${2#0} value=${value#0}
    [ "${value:-0}" -gt "$1" ] || echo "${value:-0}"
}

# explain NOTE: sets the notes of the output and the reason of "end".
explain() {
    notes=
    [ -z "$full" ] || add_reason 'No space left on device'
    [ "$(size "$own/memory")" -eq 0 ] || add_reason "$(on_one_line "$own/memory" | head -c 200)"
    reason=$why
    [ -z "$1" ] || add_note "not all files were stored: $1"
    # LGI_stage lists there the files that can never be stored.
    [ "$(size "$own/not_stored")" -eq 0 ] || add_note "not stored: $(on_one_line "$own/not_stored")"
}

add_reason() {
    case "$why" in *"$1"*) ;; *) why=${why:+$why; }$1 ;; esac
}

add_note() {
    reason="${reason:+$reason; }$1"
    notes="${notes}[LGI: $1]
"
}

# Replaces "end"; on a full disk the existing file is kept.
write_end() {
    # mv would move the file into a directory.
    for name in end "end.$$"; do
        if [ -d "$own/$name" ] || [ -h "$own/$name" ]; then remove "$own/$name"; fi
    done
    # Not written in place: the existing file may be a hard link to end.new, and must survive a full disk.
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
