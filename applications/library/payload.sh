# shellcheck shell=sh
# Writes the script that runs the job. It needs nothing of LGI, which may not be installed where the job runs.

. "$library/environment.sh"

# The program to run. It is in the job's directory, so that it is sent with the job and visible in its container.
input=.LGI_job/input

# quoted TEXT: prints a text as one word of a shell command.
quoted() {
    printf "'"
    printf '%s' "$1" | sed "s/'/'\\\\''/g"
    printf "' "
}

# Sets `error` when the input is no program: sh would skip most of a text in UTF-16, or of a program for another
# system, and end with exit code 0.
check_input() {
    case "$(head -c 4 LGI_input | od -A n -t x1 | tr -d ' \n')" in
        2321* | 7f454c46) ;;
        fffe* | feff* | 0000feff | ??00* | 00??*) error='the input is text in UTF-16: save it as UTF-8' ;;
        *) ! has_nul || error="the input is neither a script nor a program for this machine" ;;
    esac
}

# Whether the first line contains a NUL byte, within the length that a shell examines.
has_nul() {
    [ "$(head -n 1 LGI_input | head -c 80 | tr -d '\000' | wc -c)" != "$(head -n 1 LGI_input | head -c 80 | wc -c)" ]
}

# Writes the job's input as a program, without the byte order mark and line ends of Windows, which interpreters do not
# accept.
prepare_input() {
    mkdir -p "${input%/*}"
    chmod 700 "${input%/*}"
    returns=$(printf '\r') begin=1
    [ "$(head -c 3 LGI_input | od -A n -t x1 | tr -d ' \n')" != efbbbf ] || begin=4
    if head -n 1 LGI_input | grep -q "$returns\$"; then
        tail -c +$begin LGI_input | sed "s/$returns\$//" > $input
    else
        tail -c +$begin LGI_input > $input
    fi
    chmod 700 $input
}

# Prints the command of the job. An input without "#!" is run by sh, since containers cannot start it.
command_words() {
    if [ -n "$program" ]; then
        quoted "$program"
        return
    fi
    prepare_input
    case "$(head -c 4 $input | tr -d '\000')" in
        '#!'* | ?ELF) ;;
        *) printf '/bin/sh ' ;;
    esac
    printf './%s' $input
}

# Batch systems enforce the limits of jobs; the limits of plain processes are enforced here, as far as possible.
limits() {
    [ "$backend" = process ] || return 0
    chosen=$(choose_cores)
    [ -z "$chosen" ] || printf 'taskset -c %s ' "$chosen"
    [ -z "$walltime" ] || printf 'timeout -k 10 %d ' "$walltime"
}

# Prints the granted number of the available cores, beginning at a different core for each job; nothing for all cores.
choose_cores() {
    at=$((0x0$(printf '%.6s' "$LGI_DAEMON_REFERENCE")))
    taskset -c -p $$ | sed 's/.*: //' | tr , '\n' | awk -F - -v wanted="$cpus" -v at="$at" '
        { for (core = $1; core <= ($2 == "" ? $1 : $2); core++) cores[count++] = core }
        END {
            if (wanted >= count) exit
            for (i = 0; i < wanted; i++) printf "%s%d", i ? "," : "", cores[(at + i) % count]
        }'
}

payload() {
    words=$(command_words)
    if [ -n "$container" ]; then
        . "$library/container.sh"
        words="$(container_words) $words"
    fi
    # A worker node of gLite has no such directories; the job starts in the directory with its files.
    if [ "$backend" = glite ]; then
        echo 'own=.LGI_job'
    else
        printf 'cd %s || exit 75\n' "$(quoted "$PWD")"
        printf 'own=%s\n' "$(quoted "$own")"
    fi
    environment
    printf 'cores=%d walltime=%d\n' "$cpus" "${walltime:-0}"
    # Enforced by the daemon.
    [ -z "$memory" ] || [ "$backend" != process ] || echo "$memory" > "$own/memory_limit"
    printf 'set -- %s %s\n' "$(limits)" "$words"
    wrapper
}

wrapper() {
    cat << 'END'
umask 077
unset LGI_STATE_DIRECTORY
# The job runs once, even when it is submitted twice or a batch system restarts it.
mkdir "$own/started" 2> /dev/null || exit 75
# Room for the end of the job on a full disk.
printf '%400s' '' | tr ' ' '\n' > "$own/end.new"
export OMP_NUM_THREADS=$cores MKL_NUM_THREADS=$cores OPENBLAS_NUM_THREADS=$cores NUMEXPR_NUM_THREADS=$cores
# After SIGTERM the script waits for the program and records how it ended.
trap : TERM
ticks() {
    read -r uptime _ < /proc/uptime
    now=${uptime%.*}${uptime#*.}
}
ticks
began=$now
# Another shell opens the streams of the job, so that "shell" has only the messages of this one. It prints a message
# when a signal has ended the job (but not for SIGINT and SIGPIPE), and none when the job has exited.
{
    /bin/sh -c 'own=$1; shift; exec "$@" < /dev/null > "$own/stdout" 2> "$own/stderr"' sh "$own" "$@"
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
rm -rf "$own/probe"
failure=$(LC_ALL=C; export LC_ALL; { head -c 65536 /dev/zero > "$own/probe"; } 2>&1)
case "$failure" in *'No space left on device'* | *'quota exceeded'*) why="${why:+$why; }No space left on device" ;; esac
rm -f "$own/probe"
[ -f "$own/end.new" ] || rm -rf "$own/end.new"
{ echo "$end" && [ -z "$why" ] || echo "reason=$why"; } 1<> "$own/end.new"
ln "$own/end.new" "$own/end" 2> /dev/null || [ -e "$own/end" ] || mv "$own/end.new" "$own/end"
rm -f "$own/end.new"
exit $code
END
}
