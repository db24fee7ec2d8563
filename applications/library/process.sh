# shellcheck shell=sh
# Plain processes on this machine: the daemon's run script becomes the job.
#
# The file process in the state directory has process id, start time and boot id, since process ids are reused.

# identify PID: sets `identity`, empty when there is no such process or it has ended.
identify() {
    identity=
    { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 0
    # Fields after the name, which may contain blanks: state is the first, start time the twentieth.
    # shellcheck disable=SC2086
    set -- "$1" ${stat##*) }
    case "$2" in Z | X) return 0 ;; esac
    identity="$1 ${21} $boot"
}

read -r boot < /proc/sys/kernel/random/boot_id

start() {
    preparation > "$own/batch"
    identify $$
    printf '%s\n' "$identity" > "$own/process" || { rm -f "$own/process" && return 1; }
    # This shell becomes that of the job.
    # shellcheck source=/dev/null
    . "$own/batch"
    . "$library/wrapper.sh"
}

query_state() {
    state=absent reason='it was killed, or the machine went down'
    [ -e "$own/process" ] || return 0
    known=$(first_line process)
    # It is about to be written.
    [ -n "$known" ] || return 0
    leader=${known%% *} state=gone
    # The end file is local and cannot arrive late.
    grace=0
    case "$leader" in '' | *[!0-9]*) return 0 ;; esac
    identify "$leader"
    if [ "$identity" = "$known" ] || [ -n "$(members)" ]; then state=running; fi
}

# The daemon completes the end of a job as this does, unless it cannot, as when it has no more file descriptors.
fetch() {
    case "$(first_line end.new)" in
        exit_code=[0-9]* | exit_signal=[0-9]*) mv -T "$own/end.new" "$own/end" 2> /dev/null ;;
    esac
}

# Prints the processes of the job's session. While one of them exists, its session id is not reused.
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

# The first call sends SIGTERM, further ones SIGKILL.
cancel() {
    for member in $(members); do
        kill -s "${signal:-TERM}" "$member" 2> /dev/null
    done
    signal=KILL
    if [ -n "$container" ]; then
        . "$library/container.sh"
        remove_container
    fi
}

# Looks ever less often whether the job has ended, together for as long as it may take.
await_end() {
    case "$1" in
        0) return 0 ;;
        0.2) rest= ;;
        *) rest=0.4 ;;
    esac
    for part in 0.01 0.01 0.02 0.04 0.12 $rest; do
        # All processes are looked at, which takes longer, once the leader has gone: those of its group count as long
        # as nobody has waited for them, and init may take its time.
        kill -s 0 "$leader" 2> /dev/null || [ -n "$(members)" ] || return 0
        sleep "$part"
    done
}

is_available() {
    [ -z "$container" ] || command -v "$container" > /dev/null || { echo "$container is not installed"; return 1; }
}
