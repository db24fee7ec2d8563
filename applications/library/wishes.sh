# shellcheck shell=sh
# What a job asks for in its specifics. Numbers and one name are let through, never a text of the user.

# wish TAG: the text of a tag, cut: what is longer is no wish.
wish() {
    tr '\n\t\r' '   ' < LGI_job_specifics | sed -n "s/.*<$1>\([^<>]*\)<\/$1>.*/\1/p" |
        sed 's/^ *//; s/ *$//' | head -c 200
}

# number TAG DEFAULT MOST: sets `value`; notes a mistake or an excess.
number() {
    value=$(wish "$1")
    value=${value:-$2}
    [ "$1" != walltime ] || value=$(seconds "$value")
    case "$value" in
        '') return ;;
        0* | *[!0-9]* | ??????????*)
            mistake="$1 must be a whole number above 0 such as 2, not '$(shown "$value")'"
            value=
            return
            ;;
    esac
    if [ -n "$3" ] && [ "$value" -gt "$3" ]; then
        excess="$1 can be $3 at most, not $value"
    fi
}

# What a message may show of a text that is wrong.
shown() {
    printf '%s' "$1" | tr -c '[:alnum:] ._/:+-' '?'
}

# HH:MM:SS in seconds; anything else as it is.
seconds() {
    case "$1" in
        [0-9][0-9]:[0-5][0-9]:[0-5][0-9] | [0-9][0-9][0-9]:[0-5][0-9]:[0-5][0-9])
            printf '%s\n' "$1" | awk -F: '{ print $1 * 3600 + $2 * 60 + $3 }'
            ;;
        *) printf '%s\n' "$1" ;;
    esac
}

# Sets cpus, nodes, memory, walltime and image, and what is wrong with them.
read_wishes() {
    mistake='' excess=''
    number cpus "$default_cpus" "$max_cpus"; cpus=$value
    number nodes "$default_nodes" "$max_nodes"; nodes=$value
    number memory "$default_memory" "$max_memory"; memory=$value
    number walltime "$default_walltime" "$max_walltime"; walltime=$value
    image=
    if [ -n "$container" ]; then
        read_image
    elif [ -n "$(wish image)" ]; then
        # It runs in exactly that image, or elsewhere.
        excess="there are no images here"
    fi
}

# name:version, in letters that mean nothing to a shell or a path; "." and "-" may not begin a part.
read_image() {
    image=$(wish image)
    image=${image:-$default_image}
    if ! printf '%s\n' "$image" | grep -q -x -E '[a-z0-9][a-z0-9_-]*([./][a-z0-9_-]+)*:[A-Za-z0-9_][A-Za-z0-9._-]*'; then
        mistake="image must be name:version such as psi4:1.5, not '$(shown "$image")'"
    elif ! image_is_here; then
        excess="image $image is not here"
    fi
}

# podman and docker are asked when the job starts: their stores belong to whoever runs it.
image_is_here() {
    case "$container" in
        bwrap) [ -d "$images/${image%:*}/${image##*:}" ] ;;
        apptainer) [ -e "$images/${image%:*}/${image##*:}.sif" ] ;;
    esac
}
