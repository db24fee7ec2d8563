# shellcheck shell=sh
# The common part of all batch systems. Each of them defines the functions
#   submit      submits "$own/batch" with the job name `tag`, and prints the output of the command
#   identify    reads that output and prints the id of the job
#   query_status  queries all jobs of this user
#   parse_status  reads that answer and prints "ID running|ended NAME STATE" per job; fails for an invalid answer
#   delete ID   cancels a job
#   directives  prints the lines before the batch script, if any
#
# Files in the state directory:
#   submitting  the job may have been submitted; it was accepted when there is an id
#   id          the id of the job in the batch system

tag=LGI_$LGI_DAEMON_REFERENCE

# A job submitted during a query is not in its answer, and must not be taken for ended before the next query.
[ "$grace" -gt "$cache_seconds" ] || grace=$((cache_seconds + 1))

# Runs a command with a timeout, so that the daemon does not wait for ever.
limited() {
    timeout -k 2 "$timeout" "$@"
}

# Sets `list`, the file with the cached status. All jobs of a user share it, in a directory that no other user can write
# to; without such a directory each job has its own. Starts few processes, since there may be thousands of jobs.
choose_cache() {
    { read -r uid < LGI_job_sandbox_uid; } 2> /dev/null
    case "$uid" in '' | *[!0-9]*) uid=$(id -u) ;; esac
    place=/tmp/LGI_backend.$uid
    [ -d "$place" ] || mkdir -m 700 "$place" 2> /dev/null
    # shellcheck disable=SC3067 # -O is not in POSIX, but every /bin/sh has it.
    if [ -h "$place" ] || [ ! -d "$place" ] || [ ! -O "$place" ]; then
        place=$own
    fi
    # Another daemon of this user may use another cluster: its status must not be used.
    job_parent=${LGI_JOB_DIRECTORY%/*}
    list=$place/$backend.$LGI_PROJECT.$LGI_APPLICATION
}

# Sets `list` to a status at most cache_seconds old; fails when the batch system does not answer.
read_status() {
    choose_cache
    cache_is_fresh || refresh_locked
    [ "$verdict" = answered ]
}

# Whether the cached status can be used; `verdict` is the result of that query. The first line of the cache has the time
# of the query, the boot id, the verdict, and the directory of the jobs.
cache_is_fresh() {
    read_clock
    cached_at='' cached_boot='' verdict='' cached_directory=''
    { read -r cached_at cached_boot verdict cached_directory < "$list"; } 2> /dev/null
    case "$cached_at" in '' | *[!0-9]*) cached_at=0 cached_boot= ;; esac
    [ "$cached_boot" = "$boot" ] && [ "$cached_directory" = "$job_parent" ] || return
    [ $((now - cached_at)) -lt "$cache_seconds" ] && [ "$cached_at" -gt "${since:-0}" ]
}

# The daemon checks dozens of jobs in parallel: one of them queries, the others wait for the result.
refresh_locked() {
    verdict=silent
    {
        flock -w $((timeout + 3)) 9
        case $? in
            # Timed out.
            1) ;;
            *) cache_is_fresh || refresh 9>&- ;;
        esac
    } 9> "$list.lock" 2> /dev/null
}

# Sets `now`, the seconds since boot, which never go back, and `boot`.
read_clock() {
    read -r now _ < /proc/uptime
    now=${now%.*}
    read -r boot < /proc/sys/kernel/random/boot_id
}

# A missing answer is cached as well, so that not every job waits for the timeout.
refresh() {
    answer=$list.$$
    verdict=silent
    if query_status > "$answer" 2> /dev/null && parse_status < "$answer" > "$answer.jobs"; then
        verdict=answered
    else
        read_clock
    fi
    # An answer is as old as its query.
    { printf '%s %s %s %s\n' "$now" "$boot" "$verdict" "$job_parent" && cat "$answer.jobs"; } > "$answer" 2> /dev/null
    mv -f "$answer" "$list"
    rm -f "$answer.jobs"
}

# Makes the next read_status query again, after a submit or cancel; a query in progress is not used either.
invalidate_cache() {
    choose_cache
    read_clock
    since=$now
    rm -f "$list"
}

# Removes the cached status with the last job in it. A job that is not in it yet only has to query again.
clean_up() {
    choose_cache
    [ "$place" != "$own" ] && [ -d "$place" ] || return 0
    id=$(first_line id)
    if [ ! -e "$list" ] || awk -v id="$id" 'NR > 1 && $1 != id { found = 1; exit } END { exit found }' "$list"; then
        rm -f "$list" "$list.lock"
        rmdir "$place" 2> /dev/null || :
    fi
}

query_state() {
    reason=
    if [ ! -e "$own/id" ]; then
        [ -e "$own/submitting" ] || { state=absent && return; }
        find_submission
        [ "$state" = running ] || return
    fi
    id=$(first_line id)
    read_status || { state=unknown && return; }
    # shellcheck disable=SC2046 # Word splitting is intended.
    set -- $(awk -v id="$id" 'NR > 1 && $1 == id { print $2, $4; exit }' "$list")
    state=${1:-gone}
    reason=${2:+$backend reports $2}
}

# Looks for a job with our tag, when the answer to its submit was lost. Sets `state`.
find_submission() {
    invalidate_cache
    read_status || { state=unknown && return; }
    id=$(awk -v tag="$tag" 'NR > 1 && $3 == tag { print $1; exit }' "$list")
    state=absent
    [ -z "$id" ] || { note_id "$id" && state=running; }
}

note_id() {
    printf '%s\n' "$1" > "$own/id.new" && mv -f "$own/id.new" "$own/id" && rm -f "$own/submitting"
}

start() {
    [ ! -e "$own/id" ] || return 0
    if ! id -un > /dev/null 2>&1; then
        end "not started: $backend needs a user account, uid $(id -u) has none; the administrator can set job_sandbox_uid" $not_started
        return
    fi
    if [ -e "$own/submitting" ]; then
        find_submission
        [ "$state" = absent ] || return 0
    fi
    { echo '#!/bin/sh' && directives && payload; } > "$own/batch"
    chmod 700 "$own/batch"
    : > "$own/submitting"
    # After a power failure "submitting" must exist, since the batch system may have the job.
    sync "$own/submitting" "$own" 2> /dev/null
    # Longer than for a query, because the answer to a submit cannot be repeated.
    timeout=60
    id=$(submit 2> "$own/refusal" | identify)
    invalidate_cache
    if [ -n "$id" ]; then
        note_id "$id"
    else
        refused
    fi
}

# Submits again at a later check, but only if the job was certainly not accepted.
refused() {
    find_submission
    [ "$state" = absent ] || return 0
    echo >> "$own/refusals"
    if [ "$(wc -l < "$own/refusals")" -ge "$max_submissions" ]; then
        end "$backend rejected the job: $(on_one_line "$own/refusal")" $not_started
    else
        : > "$own/again"
        return $retry
    fi
}

cancel() {
    delete "$id" > /dev/null 2>&1
    invalidate_cache
}

# Without the cache: a daemon that fetches jobs may have none that shares an answer.
# The daemon reports what is printed here to the project, as the reason why no jobs are taken.
is_available() {
    query_status > /dev/null
    set -- $?
    [ "$1" != 124 ] || echo "$backend does not answer within $timeout s"
    return "$1"
}

directives() {
    :
}
