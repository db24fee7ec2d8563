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
    measure
    read_end
    explain "$1"
    write_end
    exit_line
    # They are also in "end".
    [ $((${#notes} + ${#trailer})) -lt "$limit" ] || notes=
    # Lines in brackets take up to 100 bytes each; of two long streams standard error gets a quarter.
    room=$((limit - ${#notes} - ${#trailer} - 200))
    [ "$room" -gt 0 ] || room=0
    errors=$size_stderr
    [ "$errors" -le $((room / 4)) ] || [ $((errors + size_stdout)) -le "$room" ] || errors=$((room / 4))
    # With its sizes the daemon says that it is a plain file of this job alone.
    if [ -z "$measured" ] || [ ! -f LGI_output ] || [ -h LGI_output ] || [ ! -w LGI_output ]; then
        remove LGI_output
    fi
    {
        excerpt "$own/stdout" $((room - errors)) "$size_stdout"
        ! has_errors "$errors" || { echo '[LGI: standard error]' && excerpt "$own/stderr" "$errors" "$size_stderr"; }
        # The status of this line says whether the disk has taken the end.
        printf '%s%s\n' "$notes" "$trailer"
    } 2> /dev/null > LGI_output
}

# Sets size_NAME for the files of the state directory that are read here: 0 for a link, which may lead to a file that the
# job must not read, and for anything else that is no file. Older daemons do not look at them for us.
measure() {
    size_stdout=0 size_stderr=0 size_end=0 size_exit=0 size_memory=0 size_not_stored=0
    measured=${LGI_STATE_SIZES+yes}
    if [ -n "$measured" ]; then
        for pair in $LGI_STATE_SIZES; do eval "size_$pair"; done
        # This script changes the files.
        unset LGI_STATE_SIZES
        return
    fi
    set --
    names=
    for name in stdout stderr end exit memory not_stored; do
        if [ -s "$own/$name" ] && [ -f "$own/$name" ] && [ ! -h "$own/$name" ]; then
            set -- "$@" "$own/$name"
            names="$names $name"
        fi
    done
    [ $# -gt 0 ] || return 0
    # shellcheck disable=SC2046 # Word splitting is intended.
    set -- $(stat -c %s "$@" 2> /dev/null)
    for name in $names; do
        eval "size_$name=${1:-0}"
        [ $# -eq 0 ] || shift
    done
}

# has_errors BYTES: whether that part of standard error contains more than blanks.
has_errors() {
    [ "$1" -gt 0 ] && [ -n "$(head -c "$1" "$own/stderr" | tr -d '[:space:]\000')" ]
}

# size PATH: prints the size of a file; 0 for a link, which may lead to a file that the job must not read.
size() {
    if [ -f "$1" ] && [ ! -h "$1" ]; then wc -c < "$1"; else echo 0; fi
}

# excerpt PATH BYTES SIZE: prints the beginning of a file of that size, and a line when it is longer.
excerpt() {
    [ "$3" -gt 0 ] || return 0
    if [ "$2" -gt 0 ] && [ -r "$1" ]; then
        head -c "$2" "$1"
        # The daemon names those that end without a line end.
        if [ -n "$measured" ] && [ "$3" -le "$2" ]; then
            case " ${LGI_OPEN_LINES:-} " in *" ${1##*/} "*) echo ;; esac
        else
            end_line "$@"
        fi
    fi
    [ "$3" -le "$2" ] || echo "[LGI: cut, it has $3 bytes]"
}

# end_line PATH BYTES SIZE: prints a line end unless that part of a file has one.
end_line() {
    if [ "$3" -le "$2" ]; then last=$(tail -c 1 "$1"; echo .); else last=$(head -c "$2" "$1" | tail -c 1; echo .); fi
    [ "$last" = "$newline." ] || echo
}

# Sets code, signal and why, empty when unknown. Every process of the job's user may have written the file, of any size
# and type. Only job_abort sets `aborted`.
read_end() {
    code='' signal='' why='' unchanged=''
    if [ -e "$own/end" ] || [ -h "$own/end" ]; then
        parse_end
    elif [ "$size_exit" -gt 0 ]; then
        code=$(head -c 4096 "$own/exit" | tr -d '\000' | sed -n 1p)
        why=$(head -c 4096 "$own/exit" | tr -d '\000' | sed -n 2p)
    elif [ -z "${aborted:-}" ]; then
        why="the job left no record of its end"
    fi
    number_upto 255 "$code"; code=$value
    number_upto 64 "$signal"; signal=$value
    [ "$signal" != 0 ] || signal=
    # They exclude each other: with both of them neither is valid.
    [ -z "$code" ] || [ -z "$signal" ] || code='' signal=''
    [ -z "$why" ] || why=$(printf '%s' "$why" | tr '[:cntrl:]' ' ' | head -c 600)
    [ -n "$code$signal$why${aborted:-}" ] || why="the record of the job's end cannot be read"
}

# Sets `unchanged` to the values as they are in the file, if it is short.
parse_end() {
    [ "$size_end" -gt 0 ] || return 0
    if [ "$size_end" -le 4096 ]; then
        read_values 2> /dev/null < "$own/end"
        unchanged="$code $signal $why."
    fi
    case "$unchanged" in '' | *[[:cntrl:]]*) parse_long_end ;; esac
    # Added by an earlier call of `explain`.
    why=${why%%not all files were stored: *}
    why=${why%%not stored: *}
    why=${why%; }
}

# Of a long file, and of one with line ends of Windows.
parse_long_end() {
    code='' signal='' why='' unchanged=''
    lines=$(head -c 4096 "$own/end" 2> /dev/null | tr -d '\000\r')
    read_values << END
$lines
END
}

# Reads the lines of the file.
read_values() {
    while IFS='=' read -r name value || [ -n "$name" ]; do
        case "$name" in
            exit_code) code=$value ;;
            exit_signal) signal=$value ;;
            reason) why=$value ;;
        esac
    done
}

# number_upto MAXIMUM TEXT: sets `value` to a number without leading zeros; empty for other text or a larger number.
number_upto() {
    value=
    case "$2" in '' | *[!0-9]* | ????*) return ;; esac
    value=${2#0} value=${value#0}
    value=${value:-0}
    [ "$value" -le "$1" ] || value=
}

# explain NOTE: sets the notes of the output and the reason of "end".
explain() {
    notes=
    [ -z "$full" ] || add_reason 'No space left on device'
    [ "$size_memory" -eq 0 ] || add_reason "$(on_one_line "$own/memory" | head -c 200)"
    reason=$why
    [ -z "$1" ] || add_note "not all files were stored: $1"
    # LGI_stage lists there the files that can never be stored.
    [ "$size_not_stored" -eq 0 ] || add_note "not stored: $(on_one_line "$own/not_stored")"
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
    if [ -n "$code$signal" ] && [ "$unchanged" = "$code $signal $reason." ]; then return 0; fi
    # mv would move the file into a directory.
    for name in end "end.$$"; do
        if [ -d "$own/$name" ] || [ -h "$own/$name" ]; then remove "$own/$name"; fi
    done
    # Not written in place: the existing file may be a hard link to end.new, and must survive a full disk.
    lines=${signal:+exit_signal=$signal}${code:+exit_code=$code}${reason:+
reason=$reason}
    if printf '%s\n' "$lines" 2> /dev/null > "$own/end.$$"; then
        mv -f "$own/end.$$" "$own/end"
    else
        rm -f "$own/end.$$"
    fi
}

# Sets `trailer`, the last line of the output.
exit_line() {
    [ -z "$signal" ] || code=$((128 + signal))
    case "$code" in
        '') trailer="[LGI: no exit code: ${why:-aborted}]" ;;
        *) trailer="[LGI: exit code $code${why:+: $why}]" ;;
    esac
}
