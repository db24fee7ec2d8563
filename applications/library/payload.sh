# shellcheck shell=sh
# Writes the script that runs the job. It needs nothing of LGI, which may not be installed where the job runs.

. "$library/environment.sh"

# The program to run. It is in the job's directory, so that it is sent with the job and visible in its container.
input=.LGI_job/input

# quote TEXT: sets `quoted` to a text as one word of a shell command, with a blank after it.
quote() {
    quoted='' rest=$1
    while :; do
        case "$rest" in
            *\'*) quoted="$quoted${rest%%\'*}'\\''" rest=${rest#*\'} ;;
            *) break ;;
        esac
    done
    quoted="'$quoted$rest' "
}

# quoted TEXT: prints it.
quoted() {
    quote "$1"
    printf '%s' "$quoted"
}

# Sets `bytes`, the first 80 bytes of the input in hexadecimal: that many does a shell examine.
read_beginning() {
    # shellcheck disable=SC2046 # Word splitting is intended.
    set -- $(od -A n -v -t x1 -N 80 LGI_input)
    bytes=$*
}

# Sets `error` when the input is no program: sh would skip most of a text in UTF-16, or of a program for another
# system, and end with exit code 0.
check_input() {
    read_beginning
    case "$bytes" in
        23\ 21* | 7f\ 45\ 4c\ 46*) ;;
        ff\ fe* | fe\ ff* | 00\ 00\ fe\ ff* | ??\ 00* | 00\ ??*) error='the input is text in UTF-16: save it as UTF-8' ;;
        *) ! has_nul || error="the input is neither a script nor a program for this machine" ;;
    esac
}

# Whether the first line contains a NUL byte.
has_nul() {
    case "${bytes%%0a*}" in *00*) return 0 ;; esac
    return 1
}

# Writes the job's input as a program, without the byte order mark and line ends of Windows, which interpreters do not
# accept.
prepare_input() {
    [ -d "${input%/*}" ] || mkdir -m 700 "${input%/*}"
    case "$bytes" in ef\ bb\ bf*) begin=4 ;; *) begin=1 ;; esac
    if ends_in_return; then
        tail -c +$begin LGI_input | sed "s/$returns\$//" > $input
    elif [ $begin = 1 ]; then
        # Replaces a file of that name.
        install -m 700 LGI_input $input
        return
    else
        tail -c +$begin LGI_input > $input
    fi
    chmod 700 $input
}

# Whether the first line ends as lines of Windows do.
ends_in_return() {
    returns=$(printf '\r')
    case "$bytes" in
        7f\ 45\ 4c\ 46*) return 1 ;;
        *0a*) case "${bytes%%0a*}" in *'0d ') return 0 ;; *) return 1 ;; esac ;;
        *) head -n 1 LGI_input | grep -q "$returns\$" ;;
    esac
}

# Sets `words`, the command of the job. An input without "#!" is run by sh, since containers cannot start it.
command_words() {
    if [ -n "$program" ]; then
        quote "$program"
        words=$quoted
        return
    fi
    prepare_input
    case "${bytes#ef bb bf }" in
        23\ 21* | ??\ 45\ 4c\ 46*) words=./$input ;;
        *) words="/bin/sh ./$input" ;;
    esac
}

# Sets `enforced`: batch systems enforce the limits of jobs; those of plain processes are enforced here, as far as
# possible.
limits() {
    enforced=
    [ "$backend" = process ] || return 0
    choose_cores
    [ -z "$chosen" ] || enforced="taskset -c $chosen "
    [ -z "$walltime" ] || enforced="${enforced}timeout -k 10 $walltime "
}

# Sets `chosen` to the granted number of the available cores, beginning at a different core for each job; empty for all.
choose_cores() {
    chosen='' cores=''
    command -v taskset > /dev/null || return 0
    while read -r name list; do
        [ "$name" != Cpus_allowed_list: ] || cores=$list
    done < "/proc/$$/status"
    IFS=,
    # shellcheck disable=SC2086 # Word splitting is intended.
    set -- $cores
    unset IFS
    count=0
    for range; do count=$((count + ${range#*-} - ${range%-*} + 1)); done
    [ "$cpus" -lt "$count" ] || return 0
    at=${LGI_DAEMON_REFERENCE#??????}
    at=$((0x0${LGI_DAEMON_REFERENCE%"$at"}))
    last=$((at + cpus))
    while [ $at -lt $last ]; do
        number=$((at % count)) at=$((at + 1))
        for range; do
            size=$((${range#*-} - ${range%-*} + 1))
            [ $number -ge $size ] || break
            number=$((number - size))
        done
        chosen=${chosen:+$chosen,}$((${range%-*} + number))
    done
}

payload() {
    command_words
    if [ -n "$container" ]; then
        . "$library/container.sh"
        words="$(container_words) $words"
    fi
    # A worker node of gLite has no such directories; the job starts in the directory with its files.
    if [ "$backend" = glite ]; then
        echo 'own=.LGI_job'
    else
        quote "$PWD"
        printf 'cd %s || exit 75\n' "$quoted"
        quote "$own"
        printf 'own=%s\n' "$quoted"
    fi
    environment
    printf 'cores=%d walltime=%d\n' "$cpus" "${walltime:-0}"
    # Enforced by the daemon.
    [ -z "$memory" ] || [ "$backend" != process ] || echo "$memory" > "$own/memory_limit"
    limits
    printf 'set -- %s %s\n' "$enforced" "$words"
    wrapper
}

wrapper() {
    cat << 'END'
umask 077
unset LGI_STATE_DIRECTORY
# The job runs once, even when it is submitted twice or a batch system restarts it.
mkdir "$own/started" 2> /dev/null || exit 75
# Room for the end of the job on a full disk.
printf '%400s\n' '' > "$own/end.new"
export OMP_NUM_THREADS=$cores MKL_NUM_THREADS=$cores OPENBLAS_NUM_THREADS=$cores NUMEXPR_NUM_THREADS=$cores
# After SIGTERM the script waits for the program and records how it ended.
trap : TERM
ticks() {
    read -r uptime _ < /proc/uptime
    now=${uptime%.*}${uptime#*.}
}
ticks
began=$now
# A subshell opens the streams of the job, so that "shell" has only the messages of this one. It prints a message
# when a signal has ended the job (but not for SIGINT and SIGPIPE), and none when the job has exited.
{
    (exec "$@" < /dev/null > "$own/stdout" 2> "$own/stderr")
    code=$?
} 2> "$own/shell"
ticks
end=exit_code=$code why=
if [ $code -gt 128 ] && [ $code -le 192 ] && grep -v setlocale "$own/shell" | grep -q .; then
    end=exit_signal=$((code - 128))
fi
if [ $walltime != 0 ] && [ $((now - began)) -ge $((walltime * 100)) ]; then
    case $code in
        124 | 143) why="time limit of $walltime s exceeded" ;;
        137) why="time limit of $walltime s exceeded, killed" ;;
    esac
fi
if [ -e "$own/probe" ] || [ -h "$own/probe" ]; then rm -rf "$own/probe"; fi
if ! printf '%65536s' '' 2> /dev/null > "$own/probe"; then
    # Other programs say why.
    failure=$(LC_ALL=C; export LC_ALL; { head -c 65536 /dev/zero > "$own/probe"; } 2>&1)
    case "$failure" in *'No space left on device'* | *'quota exceeded'*) why="${why:+$why; }No space left on device" ;; esac
fi
true 2> /dev/null > "$own/probe"
[ -f "$own/end.new" ] || rm -rf "$own/end.new"
{ echo "$end" && [ -z "$why" ] || echo "reason=$why"; } 1<> "$own/end.new"
ln "$own/end.new" "$own/end" 2> /dev/null || [ -e "$own/end" ] || mv "$own/end.new" "$own/end"
rm -f "$own/end.new" "$own/probe"
exit $code
END
}
