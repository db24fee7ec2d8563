# shellcheck shell=sh
# The life of one job, the same for every back-end. A back-end says how: it has the functions
#   query_state  sets `state` to running, ended, gone, absent (was never begun) or unknown, and `reason`
#   start        starts the job or submits it
#   cancel       asks it to end
#   is_available fails when the back-end does not answer
#
# Marks in the state directory, which no job deletes with its own one, and no container sees:
#   end         it has ended: exit_code=N or exit_signal=N when that is known, and a line reason=...
#   started     made by the job itself where it runs: it runs once
#   again       nothing of it can have begun: the run script is to be started again
#   stdout, stderr
#   memory_limit  for the daemon: MB that all processes of the job may have together
#   memory      by the daemon: why it has ended the job
#   reserve     given back when the disk is full, for the report

# An older daemon gives none, and then they are where the job can delete them.
own=${LGI_STATE_DIRECTORY:-$PWD/.LGI_job}
# What the daemon takes for "try it again", and no failure of ours: EX_TEMPFAIL.
later=75
newline='
'

# Fetches the results, where there is no shared file system.
fetch() {
    :
}

# Removes what jobs share outside their directories, with the last of them.
leave() {
    :
}

# A job that was started under an older version of this leaves "exit".
has_ended() {
    [ -e "$own/end" ] || [ -h "$own/end" ] || [ -e "$own/exit" ]
}

# mark NAME: the first line of a mark, empty when there is none. The job may have made it huge, or no file.
mark() {
    [ -f "$own/$1" ] || return 0
    line=$(head -c 4096 "$own/$1" 2> /dev/null)
    printf '%s\n' "${line%%"$newline"*}"
}

# end WHY: without an exit code. The first to say it is right, also when the job's own word arrives just now.
end() {
    mkdir -p "$own"
    put "end.$$" "reason=$1"
    ln "$own/end.$$" "$own/end" 2> /dev/null
    rm -f "$own/end.$$"
}

# put MARK LINE: also when the disk is full.
put() {
    printf '%s\n' "$2" 2> /dev/null > "$own/$1" || { rm -f "$own/reserve" && printf '%s\n' "$2" > "$own/$1"; }
}

check_system_limits() {
    is_available
}

job_check_limits() {
    . "$library/requests.sh"
    read_requests
    # An invalid request is accepted, so that the job ends with a message; one above the limits is refused.
    [ -n "$error" ] || [ -z "$too_much" ]
}

job_prologue() {
    mkdir -p "$own" && chmod 700 "$own" || return 1
    ! has_ended || return 0
    [ -e "$own/reserve" ] || keep_reserve
    # LGI_stage leaves the mark "staged" itself, with what it has fetched.
    [ -e "$own/staged" ] || [ "$stage" != yes ] || stage_in
}

keep_reserve() {
    limit=4096
    read -r limit < LGI_max_output_size
    head -c $((limit + 32768)) /dev/zero > "$own/reserve" 2> /dev/null
}

stage_in() {
    LGI_stage in > "$own/stage.log" 2>&1
    code=$?
    [ $code -ne 0 ] || return 0
    failed_often $code || return $later
    end "the files of the repository could not be fetched, it did not run: $(told "$own/stage.log")"
}

job_run() {
    ! has_ended || return 0
    . "$library/requests.sh"
    . "$library/payload.sh"
    read_requests
    [ -n "$program" ] || check_input
    if [ -n "$error$too_much" ]; then
        end "it did not run: $error$too_much"
    elif [ -n "$container" ] && [ -z "${LGI_STATE_DIRECTORY:-}" ]; then
        # It would see our marks, and could have us kill what is not its own.
        end "it did not run: containers need a daemon that gives scripts a state directory"
    else
        start
    fi
}

# Unknown is running: the job stays as it is. Finished and idle are said only of what is known.
job_check_running() {
    ! has_ended || return 1
    query_state
    case "$state" in
        running | unknown)
            [ ! -e "$own/missed" ] || rm -f "$own/missed"
            return 0
            ;;
        absent)
            # It was offered to a batch system that does not have it.
            [ ! -e "$own/submitting" ] || : > "$own/again"
            return 1
            ;;
    esac
    reconcile
}

# The back-end says it is over, the job's own mark is not there. It may take a while over a network file system.
reconcile() {
    now=$(date +%s)
    first=$(mark missed)
    case "$first" in
        '' | *[!0-9]*)
            first=$now
            put missed "$now"
            ;;
    esac
    fetch
    ! has_ended || return 1
    [ $((now - first)) -ge "$grace" ] || return 0
    # What its batch system holds for ever, or a container that has lost its parent, is still there.
    cancel
    end "the job ended without a word of its own: ${reason:-nothing is known of it any more}"
    return 1
}

job_check_finished() {
    has_ended
}

job_epilogue() {
    . "$library/output.sh"
    lacking=
    if [ "$stage" = yes ] && [ -e "$own/staged" ]; then
        # Made before: whatever becomes of the files, what it has said and how it ended is reported.
        report 'the job was ended before they were'
        stage_out || return $later
    fi
    # Its files are stored by now, or never will be.
    report_or_make_room "$lacking" || return
    leave
}

stage_out() {
    LGI_stage out > "$own/stage.log" 2>&1
    code=$?
    [ $code -ne 0 ] || return 0
    failed_often $code || return $later
    lacking=$(told "$own/stage.log")
}

# failed_often CODE: LGI_stage says 2 when it will not succeed; what the server is in trouble with, 1, lasts
# longer than a few looks; and while it is away, $later, nothing is lost however long that is.
failed_often() {
    [ "$1" -ne $later ] || return 1
    [ -f "$own/stage_failures" ] || rm -rf "$own/stage_failures"
    echo "$1" >> "$own/stage_failures"
    failures=$(tail -c 4096 "$own/stage_failures" | tr -d '\000')
    [ "$(echo "$failures" | grep -c 2)" -ge 3 ] || [ "$(echo "$failures" | grep -c 1)" -ge "$max_stagings" ]
}

# told FILE: a message in one line.
told() {
    head -c 4096 "$1" | tr -d '\000' | tr -s '\n' ' ' | head -c 500 | sed 's/ *$//'
}

# 0 only when it is really gone: then nothing of it may start later either, so its place is taken.
job_abort() {
    mkdir -p "$own"
    if ! has_ended; then
        mkdir "$own/started" 2> /dev/null
        is_over || return 1
        # Its own word, if it had time for one, is that of a job that was told to end.
        rm -f "$own/end" "$own/exit"
        end ''
    fi
    . "$library/output.sh"
    # shellcheck disable=SC2034 # For read_end.
    aborted=yes
    report_or_make_room '' || return
    leave
}

is_over() {
    for pause in 0.2 0.6 0; do
        query_state
        case "$state" in
            ended | gone | absent) return 0 ;;
            running) cancel ;;
            *) return 1 ;;
        esac
        sleep "$pause"
    done
    return 1
}
