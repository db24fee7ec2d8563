# shellcheck shell=sh
# Requests in a job's specifics. Only numbers and one validated name are used, no other text of the user.

# request_value TAG: prints the text of a tag, cut to 200 bytes.
request_value() {
    tr '\n\t\r' '   ' < LGI_job_specifics | sed -n "s/.*<$1>\([^<>]*\)<\/$1>.*/\1/p" |
        sed 's/^ *//; s/ *$//' | head -c 200
}

# read_number TAG DEFAULT MAXIMUM: sets `value`, and `error` or `too_much` when it is not acceptable.
read_number() {
    value=$(request_value "$1")
    value=${value:-$2}
    [ "$1" != walltime ] || value=$(seconds "$value")
    case "$value" in
        '') return ;;
        0* | *[!0-9]* | ??????????*)
            error="$1 must be a whole number above 0 such as 2, not '$(shown "$value")'"
            value=
            return
            ;;
    esac
    if [ -n "$3" ] && [ "$value" -gt "$3" ]; then
        too_much="$1 is limited to $3 here, not $value"
    fi
}

# shown TEXT: prints a text with all unsafe characters replaced, for messages.
shown() {
    printf '%s' "$1" | tr -c '[:alnum:] ._/:+-' '?'
}

# seconds TIME: prints HH:MM:SS as seconds, anything else unchanged.
seconds() {
    case "$1" in
        [0-9][0-9]:[0-5][0-9]:[0-5][0-9] | [0-9][0-9][0-9]:[0-5][0-9]:[0-5][0-9])
            printf '%s\n' "$1" | awk -F: '{ print $1 * 3600 + $2 * 60 + $3 }'
            ;;
        *) printf '%s\n' "$1" ;;
    esac
}

# Sets cpus, nodes, memory, walltime and image, and `error` or `too_much`.
read_requests() {
    error='' too_much=''
    read_number cpus "$default_cpus" "$max_cpus"; cpus=$value
    read_number nodes "$default_nodes" "$max_nodes"; nodes=$value
    read_number memory "$default_memory" "$max_memory"; memory=$value
    read_number walltime "$default_walltime" "$max_walltime"; walltime=$value
    image=
    if [ -n "$container" ]; then
        read_image
    elif [ -n "$(request_value image)" ]; then
        # The job runs in exactly that image, or on another resource.
        too_much="this resource has no images"
    fi
}

# Sets `image`: name:version, without characters that are special in a shell or path; no part begins with "." or "-".
read_image() {
    image=$(request_value image)
    image=${image:-$default_image}
    if ! printf '%s\n' "$image" | grep -q -x -E '[a-z0-9][a-z0-9_-]*([./][a-z0-9_-]+)*:[A-Za-z0-9_][A-Za-z0-9._-]*'; then
        error="image must be name:version such as psi4:1.5, not '$(shown "$image")'"
    elif ! image_exists; then
        too_much="this resource has no image $image"
    fi
}

# podman and docker look for the image when the job starts, because each user has a store of images.
image_exists() {
    case "$container" in
        bwrap) [ -d "$images/${image%:*}/${image##*:}" ] ;;
        apptainer) [ -e "$images/${image%:*}/${image##*:}.sif" ] ;;
    esac
}
