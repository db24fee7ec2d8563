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

# Sets `bytes`, the first 80 bytes of the input in hexadecimal: that many does a shell examine. Older daemons do not read
# them for us.
read_beginning() {
    bytes=${LGI_INPUT_BEGINNING:-}
    [ -z "${LGI_INPUT_BEGINNING+known}" ] || return 0
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
        returns=$(printf '\r')
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
    case "$bytes" in
        7f\ 45\ 4c\ 46*) return 1 ;;
        *0a*) case "${bytes%%0a*}" in *'0d ') return 0 ;; *) return 1 ;; esac ;;
        *) head -n 1 LGI_input | grep -q "$(printf '\r')\$" ;;
    esac
}

# Whether the input is a program as it is, without changes, in a directory that the job sees as this script does.
is_prepared() {
    [ -z "$container" ] && [ "$backend" != glite ] && [ -n "${LGI_INPUT_BEGINNING:-}" ] || return
    case "$bytes" in ef\ bb\ bf*) return 1 ;; 23\ 21* | ??\ 45\ 4c\ 46*) [ -x LGI_input ] || return ;; esac
    ! ends_in_return
}

# Sets `words`, the command of the job. An input without "#!" is run by sh, since containers cannot start it.
command_words() {
    if [ -n "$program" ]; then
        quote "$program"
        words=$quoted
        return
    fi
    if is_prepared; then input=LGI_input; else prepare_input; fi
    path=./$input
    [ -z "$here" ] || { quote "$PWD/$input" && path=$quoted; }
    case "${bytes#ef bb bf }" in
        23\ 21* | ??\ 45\ 4c\ 46*) words=$path ;;
        *) words="/bin/sh $path" ;;
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
    # The daemon has bound this script already.
    [ -z "${LGI_CORES:-}" ] || return 0
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

# Prints the script of the job for a batch system.
payload() {
    preparation
    cat "$library/wrapper.sh"
}

# Prints the commands before those of wrapper.sh.
preparation() {
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
    if [ -n "$here" ]; then
        quote "$here"
        # shellcheck disable=SC2016 # Expanded where the job runs.
        printf 'cd -P %s && [ "$(pwd -P)" = %s ] || exit 75\n' "$quoted" "$quoted"
    fi
    environment
    # Those of docker and podman are children of others.
    case "$container" in docker | podman) counts=no ;; *) counts=yes ;; esac
    printf 'cores=%d walltime=%d counts=%s end_by=job\n' "$cpus" "${walltime:-0}" $counts
    # The owner of a job that pins its image is told which one it was.
    printf "ran='%s'\n" "${pinned:+image $image@$pinned}"
    # Enforced by the daemon.
    [ -z "$memory" ] || [ "$backend" != process ] || echo "$memory" > "$own/memory_limit"
    limits
    printf 'set -- %s %s\n' "$enforced" "$words"
}
