# shellcheck shell=sh
# Writes what runs where the job runs. That machine may have nothing of LGI, so it is a script of its own.

. "$library/surroundings.sh"

# What is run, in the job's directory: it travels with it, and is seen in its container.
input=.LGI_job/input

# quoted TEXT: one word of a shell command.
quoted() {
    printf "'"
    printf '%s' "$1" | sed "s/'/'\\\\''/g"
    printf "' "
}

# Sets `error` when no program can be made of the input. Text in UTF-16 is nothing for sh, which would skip what
# it does not understand and end with exit code 0; nor is the program of another system.
check_input() {
    case "$(head -c 4 LGI_input | od -A n -t x1 | tr -d ' \n')" in
        2321* | 7f454c46) ;;
        fffe* | feff* | 0000feff | ??00* | 00??*) error='the input is text in UTF-16: save it as UTF-8' ;;
        *) ! has_nul || error="the input is neither a script nor a program for this machine" ;;
    esac
}

# Whether there is a NUL byte in the first line, as far as a shell would look.
has_nul() {
    [ "$(head -n 1 LGI_input | head -c 80 | tr -d '\000' | wc -c)" != "$(head -n 1 LGI_input | head -c 80 | wc -c)" ]
}

# The job's input as a program. Written on Windows it has line ends, or a mark at its begin, that no interpreter
# understands.
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

# What to run: without "#!" it is for sh, and containers start nothing without.
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

# A batch system keeps its jobs within limits; the limits of plain processes are enforced here, as far as possible.
limits() {
    [ "$backend" = process ] || return 0
    chosen=$(choose_cores)
    [ -z "$chosen" ] || printf 'taskset -c %s ' "$chosen"
    [ -z "$walltime" ] || printf 'timeout -k 10 %d ' "$walltime"
}

# As many cores as were granted of those we may use, for each job from another one on; empty when that is all.
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
    # Elsewhere there are no such directories, and it begins where its files are.
    if [ "$backend" = glite ]; then
        echo 'own=.LGI_job'
    else
        printf 'cd %s || exit 75\n' "$(quoted "$PWD")"
        printf 'own=%s\n' "$(quoted "$own")"
    fi
    surroundings
    printf 'cores=%d walltime=%d\n' "$cpus" "${walltime:-0}"
    # The daemon keeps its processes within that.
    [ -z "$memory" ] || [ "$backend" != process ] || echo "$memory" > "$own/memory_limit"
    printf 'set -- %s %s\n' "$(limits)" "$words"
    wrapper
}

wrapper() {
    cat << 'END'
umask 077
unset LGI_STATE_DIRECTORY
# It runs once, even when it is submitted twice or a batch system starts it again.
mkdir "$own/started" 2> /dev/null || exit 75
# Its end can be written here when the disk is full by then.
printf '%400s' '' | tr ' ' '\n' > "$own/end.new"
export OMP_NUM_THREADS=$cores MKL_NUM_THREADS=$cores OPENBLAS_NUM_THREADS=$cores NUMEXPR_NUM_THREADS=$cores
# Asked to end, it waits for what it has started and can still say how that ended.
trap : TERM
ticks() {
    read -r uptime _ < /proc/uptime
    now=${uptime%.*}${uptime#*.}
}
ticks
began=$now
# The streams are opened by another shell: on the standard error of this one stays what it says itself, and it
# says nothing of a job that has exited, but names the signal that ended one (SIGINT and SIGPIPE it does not).
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
        124 | 143) why="it took longer than $walltime s" ;;
        137) why="it took longer than $walltime s and was killed" ;;
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
