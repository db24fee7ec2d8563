# shellcheck shell=sh
# Plain processes of this machine: the daemon's run script becomes the job.
#
# process, in the state directory: the job's number, start and boot, since a number alone is given out again.

# identify NUMBER: sets `identity`, empty when there is no such process or it has ended.
identify() {
    identity=
    { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 0
    # What stands behind the name, which may hold blanks: the state first, the start as the twentieth.
    # shellcheck disable=SC2086
    set -- "$1" ${stat##*) }
    case "$2" in Z | X) return 0 ;; esac
    identity="$1 ${21} $boot"
}

read -r boot < /proc/sys/kernel/random/boot_id

start() {
    payload > "$own/batch"
    identify $$
    printf '%s\n' "$identity" > "$own/process.new" && mv -f "$own/process.new" "$own/process" || return 1
    exec /bin/sh "$own/batch"
}

query_state() {
    state=absent reason='it was killed, or the machine went down'
    [ -e "$own/process" ] || return 0
    known=$(mark process)
    leader=${known%% *} state=gone
    # Its mark is not on its way over a network.
    grace=0
    case "$leader" in '' | *[!0-9]*) return 0 ;; esac
    identify "$leader"
    if [ "$identity" = "$known" ] || [ -n "$(members)" ]; then state=running; fi
}

# What is left of the session the daemon made for the job. While one of it lives no other has its number.
members() {
    [ "${known##* }" = "$boot" ] || return 0
    identify "$leader"
    [ -z "$identity" ] || [ "$identity" = "$known" ] || return 0
    for member in /proc/[0-9]*; do
        { read -r stat < "$member/stat"; } 2> /dev/null || continue
        # shellcheck disable=SC2086
        set -- ${stat##*) }
        case "$1" in Z | X) continue ;; esac
        [ "$4" != "$leader" ] || echo "${member#/proc/}"
    done
}

# The first time asked, the second time made.
cancel() {
    for member in $(members); do
        kill -s "${signal:-TERM}" "$member" 2> /dev/null
    done
    signal=KILL
    [ -z "$container" ] || remove_container
}

is_available() {
    [ -z "$container" ] || command -v "$container" > /dev/null || { echo "$container is not installed"; return 1; }
}

remove_container() {
    . "$library/container.sh"
    discard
}
