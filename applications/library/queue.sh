# shellcheck shell=sh
# What all batch systems have in common. Each says only this:
#   submit      offers "$own/batch" and prints what the command says; `tag` is the job's name there
#   identify    reads that from standard input and prints the job's id
#   query_status  asks for all jobs of this user
#   parse_status  reads that answer and prints "ID running|ended NAME STATE" a job; fails when it is not an answer
#   delete ID   cancels
#   directives  what stands in front of the batch script, if anything
#
# Marks in the state directory:
#   submitting  the job may have been offered; whether it was taken is known when there is an id
#   id          the batch system's name for it

tag=LGI_$LGI_DAEMON_REFERENCE

# A job that is submitted while somebody else asks is not in that answer: it must not be over before the next.
[ "$grace" -gt "$cache_seconds" ] || grace=$((cache_seconds + 1))

# A command that cannot keep the daemon waiting.
limited() {
    timeout -k 2 "$timeout" "$@"
}

# The answers are for all jobs of one user, so they are in a directory that nobody else can write to or replace.
# Where there is none each job keeps its own. (Thousands of jobs are asked about: nothing is started needlessly.)
choose_place() {
    { read -r uid < LGI_job_sandbox_uid; } 2> /dev/null
    case "$uid" in '' | *[!0-9]*) uid=$(id -u) ;; esac
    place=/tmp/LGI_backend.$uid
    [ -d "$place" ] || mkdir -m 700 "$place" 2> /dev/null
    # shellcheck disable=SC3067 # -O is not of POSIX, but every /bin/sh has it.
    if [ -h "$place" ] || [ ! -d "$place" ] || [ ! -O "$place" ]; then
        place=$own
    fi
    # Another daemon of this user may ask another cluster: its answers are not for us.
    where=${LGI_JOB_DIRECTORY%/*}
    list=$place/$backend.$LGI_PROJECT.$LGI_APPLICATION
}

# Sets `list` to a status at most cache_seconds old; fails when the batch system does not answer.
read_status() {
    choose_place
    cache_is_fresh || refresh_locked
    [ "$verdict" = answered ]
}

# Whether the cached status can be used; `verdict` is the result of that query.
cache_is_fresh() {
    read_clock
    made='' in='' verdict='' of=''
    { read -r made in verdict of < "$list"; } 2> /dev/null
    case "$made" in '' | *[!0-9]*) made=0 in= ;; esac
    [ "$in" = "$boot" ] && [ "$of" = "$where" ] || return
    [ $((now - made)) -lt "$cache_seconds" ] && [ "$made" -gt "${since:-0}" ]
}

# The daemon checks dozens of jobs in parallel: one of them queries, the others wait for the result.
refresh_locked() {
    verdict=silent
    {
        flock -w $((timeout + 3)) 9
        case $? in
            # The turn did not come.
            1) ;;
            *) cache_is_fresh || refresh 9>&- ;;
        esac
    } 9> "$list.lock" 2> /dev/null
}

# Seconds since boot, which are never set back.
read_clock() {
    read -r now _ < /proc/uptime
    now=${now%.*}
    read -r boot < /proc/sys/kernel/random/boot_id
}

# A missing answer is cached as well: a thousand jobs must not wait for it one after the other.
refresh() {
    answer=$list.$$
    verdict=silent
    if query_status > "$answer" 2> /dev/null && parse_status < "$answer" > "$answer.jobs"; then
        verdict=answered
    else
        read_clock
    fi
    # An answer holds from when it was asked for: what has happened since is not in it.
    { printf '%s %s %s %s\n' "$now" "$boot" "$verdict" "$where" && cat "$answer.jobs"; } > "$answer" 2> /dev/null
    mv -f "$answer" "$list"
    rm -f "$answer.jobs"
}

# A status from before a submit or cancel is not used, nor one that is being queried now.
invalidate_cache() {
    choose_place
    read_clock
    since=$now
    rm -f "$list"
}

# Another job that needs the answer asks once more: nothing but that is lost when it was not in it yet.
leave() {
    choose_place
    [ "$place" != "$own" ] && [ -d "$place" ] || return 0
    id=$(mark id)
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
    id=$(mark id)
    read_status || { state=unknown && return; }
    # shellcheck disable=SC2046 # Three words.
    set -- $(awk -v id="$id" 'NR > 1 && $1 == id { print $2, $4; exit }' "$list")
    state=${1:-gone}
    reason=${2:+$backend says $2}
}

# Whether a job of our tag is known there, when the answer to its submission was lost.
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
        end "it did not run: $backend needs an account, uid $(id -u) has none; the administrator can set job_sandbox_uid"
        return
    fi
    if [ -e "$own/submitting" ]; then
        find_submission
        [ "$state" = absent ] || return 0
    fi
    { echo '#!/bin/sh' && directives && payload; } > "$own/batch"
    chmod 700 "$own/batch"
    : > "$own/submitting"
    # After a power failure it must still be known that the batch system may have the job.
    sync "$own/submitting" "$own" 2> /dev/null
    # Longer than for a question: an answer that is not waited for is lost.
    timeout=60
    id=$(submit 2> "$own/refusal" | identify)
    invalidate_cache
    if [ -n "$id" ]; then
        note_id "$id"
    else
        refused
    fi
}

# Submitted again at a later check, but only if it is certain that the job was not accepted.
refused() {
    find_submission
    [ "$state" = absent ] || return 0
    echo >> "$own/refusals"
    if [ "$(wc -l < "$own/refusals")" -ge "$max_submissions" ]; then
        end "$backend did not take the job: $(told "$own/refusal")"
    else
        : > "$own/again"
        return $later
    fi
}

cancel() {
    delete "$id" > /dev/null 2>&1
    invalidate_cache
}

# The query itself: whoever asks for work has no job whose answer could be shared.
# The daemon tells what is printed here to the project, as the reason why no jobs are taken.
is_available() {
    query_status > /dev/null
    set -- $?
    [ "$1" != 124 ] || echo "$backend does not answer within $timeout s"
    return "$1"
}

directives() {
    :
}
