# shellcheck shell=sh
# Writes what runs where the job runs. That machine may have nothing of LGI, so it is a script of its own.

. "$library/surroundings.sh"

# quoted TEXT: one word of a shell command.
quoted() {
    printf "'"
    printf '%s' "$1" | sed "s/'/'\\\\''/g"
    printf "' "
}

# The job's input as a program. Written on Windows it has line ends that no interpreter understands.
prepare_input() {
    returns=$(printf '\r')
    if head -n 1 LGI_input | grep -q "$returns\$"; then
        sed "s/$returns\$//" LGI_input > $own/input
    else
        cat LGI_input > $own/input
    fi
    chmod 700 $own/input
}

# What to run: without "#!" it is for sh, and containers start nothing without.
command_words() {
    if [ -n "$program" ]; then
        quoted "$program"
        return
    fi
    prepare_input
    case "$(head -c 4 $own/input | tr -d '\000')" in
        '#!'* | ?ELF) ;;
        *) printf '/bin/sh ' ;;
    esac
    printf './%s/input' "$own"
}

# A batch system keeps its jobs within bounds; plain processes are kept here, as far as they let themselves.
bounds() {
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
    # Elsewhere there is no such directory, and it begins where its files are.
    [ "$backend" = glite ] || printf 'cd %s || exit 75\n' "$(quoted "$PWD")"
    surroundings
    printf 'cores=%d walltime=%d\n' "$cpus" "${walltime:-0}"
    [ -z "$memory" ] || [ -n "$container" ] || [ "$backend" != process ] || printf 'ulimit -v %d\n' $((memory * 1024))
    printf 'set -- %s %s\n' "$(bounds)" "$words"
    frame
}

frame() {
    cat << 'END'
umask 077
# It runs once, even when it is submitted twice or a batch system starts it again.
mkdir .LGI_job/started 2> /dev/null || exit 75
export OMP_NUM_THREADS=$cores MKL_NUM_THREADS=$cores OPENBLAS_NUM_THREADS=$cores NUMEXPR_NUM_THREADS=$cores
# Asked to end, it waits for what it has started and can still say how that ended.
trap : TERM
"$@" < /dev/null > .LGI_job/stdout 2> .LGI_job/stderr
code=$?
why=
[ $code != 124 ] || [ $walltime = 0 ] || why="it took longer than $walltime s"
printf '%s\n%s\n' $code "$why" > .LGI_job/exit.new && ln .LGI_job/exit.new .LGI_job/exit
exit $code
END
}
