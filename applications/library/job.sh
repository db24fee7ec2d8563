# shellcheck shell=sh
# The steps of one job, the same for every back-end. A back-end defines the functions
#   query_state  sets `state` to running, ended, gone, absent (never started) or unknown, and `reason`
#   start        starts or submits the job
#   cancel       asks the job to end
#   is_available fails when the back-end does not answer
#
# Files in the state directory, which is outside the job's directory and not visible in its container:
#   end         the job has ended: exit_code=N or exit_signal=N when known, and a line reason=...
#   started     created by the job where it runs, so that it runs once
#   again       the job cannot have started: the daemon starts the run script again
#   stdout, stderr
#   usage       for the daemon: the processor time of the job, as `times` prints it
#   streams     for the daemon: it stores both of them, as joblog.txt and joberr.txt, with its report
#   memory_limit  for the daemon: the memory limit of all processes of the job together, in MB
#   memory      from the daemon: why it has ended the job
#   refused     for the daemon: why job_check_limits refuses the job
#   reserve     removed when the disk is full, to make room for the report

# Older daemons set no state directory; then the job can delete these files.
own=${LGI_STATE_DIRECTORY:-$PWD/.LGI_job}
# EX_TEMPFAIL: the daemon runs the script again and does not count a failure.
retry=75
# EX_DATAERR, of LGI_stage: no retry helps.
never=65
# The exit code of a job that was not started, as of env and docker for a program that they cannot start.
not_started=125
newline='
'

# Fetches the results of a back-end without a shared file system.
fetch() {
    :
}

# Removes the files that jobs share, with the last job.
clean_up() {
    :
}

# Jobs started by an older version write "exit".
has_ended() {
    [ -e "$own/end" ] || [ -h "$own/end" ] || [ -e "$own/exit" ]
}

# first_line NAME: prints the first line of a state file, if there is one. The job may have replaced the file.
first_line() {
    [ -f "$own/$1" ] || return 0
    line=$(head -c 4096 "$own/$1" 2> /dev/null)
    printf '%s\n' "${line%%"$newline"*}"
}

# end REASON [CODE]: records an end, without an exit code when it is unknown. An existing end file is kept, as one the job writes at this moment.
end() {
    mkdir -p "$own"
    put "end.$$" "${2:+exit_code=$2$newline}reason=$1"
    ln "$own/end.$$" "$own/end" 2> /dev/null
    rm -f "$own/end.$$"
}

# put NAME LINE: writes a state file, also when the disk is full.
put() {
    printf '%s\n' "$2" 2> /dev/null > "$own/$1" || { rm -f "$own/reserve" && printf '%s\n' "$2" > "$own/$1"; }
}

check_system_limits() {
    is_available
}

job_check_limits() {
    . "$library/requests.sh"
    read_requests
    # A job with an invalid request is accepted and ends with a message; one above the limits is refused.
    [ -n "$error" ] || [ -z "$too_much" ] || refuse
}

# Notes for the daemon why the job is refused, and fails.
refuse() {
    [ ! -d "$own" ] || put refused "$too_much"
    return 1
}

job_prologue() {
    # The daemon makes the state directory.
    [ -d "${LGI_STATE_DIRECTORY:-}" ] || { mkdir -p "$own" && chmod 700 "$own"; } || return 1
    ! has_ended || return 0
    [ -e "$own/reserve" ] || keep_reserve
    # LGI_stage writes the file "staged" with the fetched files.
    [ -e "$own/staged" ] || [ "$stage" != yes ] || stage_in
}

keep_reserve() {
    limit=4096
    read -r limit < LGI_max_output_size
    printf "%$((limit + 32768))s" '' 2> /dev/null > "$own/reserve"
    return 0
}

stage_in() {
    # The daemon has asked the server.
    if [ "${LGI_REPOSITORY_FILES:-}" = 0 ]; then
        put staged '{}'
        return
    fi
    LGI_OBJECT_STORES=$object_stores LGI_stage in > "$own/stage.log" 2>&1
    code=$?
    [ $code -ne 0 ] || return 0
    failed_often $code || return $retry
    end "not started: the files of the repository could not be fetched: $(on_one_line "$own/stage.log")" $not_started
}

job_run() {
    ! has_ended || return 0
    . "$library/requests.sh"
    . "$library/payload.sh"
    read_requests
    [ -n "$program" ] || check_input
    if [ -n "$error$too_much" ]; then
        end "not started: $error$too_much" $not_started
    elif [ -n "$container" ] && [ -z "${LGI_STATE_DIRECTORY:-}" ]; then
        # The container would see the state files and could make these scripts kill other processes.
        end "not started: containers need a daemon that sets LGI_STATE_DIRECTORY" $not_started
    else
        start
    fi
}

# A job in an unknown state counts as running, so that nothing is done to it.
job_check_running() {
    ! has_ended || return 1
    query_state
    case "$state" in
        running | unknown)
            [ ! -e "$own/missed" ] || rm -f "$own/missed"
            return 0
            ;;
        absent)
            # It was submitted to a batch system that does not know it.
            [ ! -e "$own/submitting" ] || : > "$own/again"
            return 1
            ;;
    esac
    reconcile
}

# The back-end reports an end, but there is no end file yet. It may arrive late over a network file system.
reconcile() {
    now=$(date +%s)
    first=$(first_line missed)
    case "$first" in
        '' | *[!0-9]*)
            first=$now
            put missed "$now"
            ;;
    esac
    fetch
    ! has_ended || return 1
    [ $((now - first)) -ge "$grace" ] || return 0
    # A job that its batch system holds for ever, or a container without its parent, still exists.
    cancel
    end "the job ended unexpectedly: ${reason:-the back-end no longer knows it}"
    return 1
}

job_check_finished() {
    has_ended
}

job_epilogue() {
    . "$library/output.sh"
    missing=
    if [ "$stage" = yes ] && [ -e "$own/staged" ] && [ "${LGI_STREAMS:-}" = report ]; then
        # The job has made no files; the daemon stores its streams.
        put streams ''
    elif [ "$stage" = yes ] && [ -e "$own/staged" ]; then
        rm -f "$own/streams"
        # Written first, so that output and end are reported even if storing the files fails.
        report 'the job was ended during the transfer'
        stage_out || return $retry
    fi
    store_beside
    # From here on the files are stored, or can never be.
    report_or_make_room "$missing" || return
    clean_up
}

# Stores the streams beside the files of a job that has run in the directory in which it was submitted.
store_beside() {
    [ -n "${LGI_HERE_DIRECTORY:-}" ] || return 0
    . "$library/requests.sh"
    too_much=
    read_here
    [ -z "$too_much" ] || return 0
    (
        enter_here || exit
        for stream in stdout stderr; do
            case "$stream" in stdout) name=joblog-$LGI_JOB_ID.txt ;; *) name=joberr-$LGI_JOB_ID.txt ;; esac
            if [ -s "$own/$stream" ] && [ -f "$own/$stream" ] && [ ! -h "$own/$stream" ]; then
                # cp creates a new file, where a shell would open what somebody puts there meanwhile: it would
                # wait for a pipe.
                cp -T --remove-destination "$own/$stream" "./$name"
            fi
        done
    ) 2> /dev/null
    return 0
}

stage_out() {
    LGI_OBJECT_STORES=$object_stores LGI_stage out > "$own/stage.log" 2>&1
    code=$?
    [ $code -ne 0 ] || return 0
    failed_often $code || return $retry
    missing=$(on_one_line "$own/stage.log")
}

# failed_often CODE: whether LGI_stage has failed too often. Its exit code is $never for a file that can never be here,
# 2 when the server refuses, 1 for an error of the server, $retry while the server does not answer, which is not counted.
failed_often() {
    [ "$1" -ne $retry ] || return 1
    [ "$1" -ne $never ] || return 0
    [ -f "$own/stage_failures" ] || rm -rf "$own/stage_failures"
    echo "$1" >> "$own/stage_failures"
    failures=$(tail -c 4096 "$own/stage_failures" | tr -d '\000')
    [ "$(echo "$failures" | grep -c 2)" -ge 3 ] || [ "$(echo "$failures" | grep -c 1)" -ge "$max_stagings" ]
}

# on_one_line FILE: prints a message on one line.
on_one_line() {
    head -c 4096 "$1" | tr -d '\000' | tr -s '\n' ' ' | head -c 500 | sed 's/ *$//'
}

# Returns 0 only when the job no longer exists; "started" is created, so that it cannot start later either.
job_abort() {
    mkdir -p "$own"
    if ! has_ended; then
        mkdir "$own/started" 2> /dev/null
        end_job || return 1
        # An end file written meanwhile is that of a job that was asked to end.
        rm -f "$own/end" "$own/exit"
        end ''
    fi
    . "$library/output.sh"
    # shellcheck disable=SC2034 # For read_end.
    aborted=yes
    report_or_make_room '' || return
    clean_up
}

end_job() {
    for pause in 0.2 0.6 0; do
        query_state
        case "$state" in
            ended | gone | absent) return 0 ;;
            running) cancel ;;
            *) return 1 ;;
        esac
        await_end "$pause"
    done
    return 1
}

# Waits for the end of a job that was asked to end, at most so many seconds. Plain processes wait less.
await_end() {
    sleep "$1"
}
