# shellcheck shell=sh
# Requests in a job's specifics. Only numbers and one validated name are used, no other text of the user.

# request_value TAG: sets `value` to the text of a tag, cut to 200 bytes. Older daemons do not read it for us.
request_value() {
    case "$1${LGI_REQUEST_CPUS+ is known}" in
        'cpus is known') value=$LGI_REQUEST_CPUS ;;
        'nodes is known') value=$LGI_REQUEST_NODES ;;
        'memory is known') value=$LGI_REQUEST_MEMORY ;;
        'walltime is known') value=$LGI_REQUEST_WALLTIME ;;
        'store_server is known') value=${LGI_REQUEST_STORE_SERVER-$(search_request store_server)} ;;
        'image is known') value=$LGI_REQUEST_IMAGE ;;
        *) value=$(search_request "$1") ;;
    esac
}

# search_request TAG: prints the text of a tag.
search_request() {
    tr '\n\t\r' '   ' < LGI_job_specifics | sed -n "s/.*<$1>\([^<>]*\)<\/$1>.*/\1/p" |
        sed 's/^ *//; s/ *$//' | head -c 200
}

# read_number TAG DEFAULT MAXIMUM: sets `value`, and `error` or `too_much` when it is not acceptable.
read_number() {
    request_value "$1"
    value=${value:-$2}
    [ "$1" != walltime ] || to_seconds
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

# Changes `value` from HH:MM:SS to seconds, and nothing else.
to_seconds() {
    case "$value" in
        [0-9][0-9]:[0-5][0-9]:[0-5][0-9] | [0-9][0-9][0-9]:[0-5][0-9]:[0-5][0-9]) ;;
        *) return 0 ;;
    esac
    hours=${value%%:*} minutes=${value#*:}
    value=${minutes#*:} minutes=${minutes%:*}
    # A number that begins with 0 would be octal.
    [ ${#hours} -eq 3 ] || hours=0$hours
    value=$(((1$hours - 1000) * 3600 + (1$minutes - 100) * 60 + 1$value - 100))
}

# Sets cpus, nodes, memory, walltime, image and here, and `error` or `too_much`.
read_requests() {
    error='' too_much=''
    read_number cpus "$default_cpus" "$max_cpus"; cpus=$value
    read_number nodes "$default_nodes" "$max_nodes"; nodes=$value
    read_number memory "$default_memory" "$max_memory"; memory=$value
    read_number walltime "$default_walltime" "$max_walltime"; walltime=$value
    image=
    pinned=
    if [ -n "$container" ]; then
        read_image
    else
        request_value image
        # The job runs in exactly that image, or on another resource.
        [ -z "$value" ] || too_much="this resource has no images"
    fi
    read_here
    read_store
}

# Sets `too_much` for a job whose files are in a store of its user that the owner of this resource does not allow.
read_store() {
    request_value store_server
    [ -n "$value" ] || return 0
    case "$stage $object_stores " in
        yes*" $value "*) ;;
        *) too_much="this resource uses no object store $(shown "$value")" ;;
    esac
}

# Sets `here` to the directory in which the job was submitted and is to run, empty for its own; `too_much` if that is not
# here, or is another one. This runs with the rights of the job. The daemon has checked the name.
read_here() {
    here=${LGI_HERE_DIRECTORY:-}
    if [ -z "${LGI_HERE_DIRECTORY+known}" ]; then
        # An older daemon.
        ! grep -q '<here' LGI_job_specifics || too_much="this resource does not know of jobs in directories of their users"
    elif [ -n "${LGI_HERE_REFUSAL:-}" ]; then
        too_much=$(shown "$LGI_HERE_REFUSAL")
    elif [ -n "$here" ]; then
        if [ -n "$container" ] || [ "$backend" = glite ]; then
            too_much="jobs cannot run in directories of their users here"
        elif ! (enter_here) 2> /dev/null; then
            too_much="$(shown "$here") is not a directory here that the job can enter, or it is a link"
        elif ! (enter_here && has_token) 2> /dev/null; then
            too_much="$(shown "$here") here is not the directory in which the job was submitted"
        elif [ ! -w "$here" ]; then
            too_much="the job cannot write to $(shown "$here") here"
        fi
    fi
}

# Enters the directory; fails for a path through a link.
enter_here() {
    cd -P "$here" && [ "$(pwd -P)" = "$here" ]
}

# Whether the current directory has the file that LGI_run has written.
has_token() {
    file=./.LGI_here_$LGI_HERE_TOKEN
    [ -f "$file" ] && [ ! -h "$file" ] && [ "$(head -c 64 "$file")" = "$LGI_HERE_TOKEN" ]
}

# Sets `image`: name:version, without characters that are special in a shell or path; no part begins with "." or "-". Also
# `pinned`, the digest that the job wants, and `digest`, that of the image here; empty without one.
read_image() {
    request_value image
    image=${value:-$default_image} pinned='' digest=''
    case "$image" in *@*) pinned=${image#*@} pinned=${pinned:-nothing} image=${image%%@*} ;; esac
    if ! printf '%s\n' "$image" | grep -q -x -E '[a-z0-9][a-z0-9_-]*([./][a-z0-9_-]+)*:[A-Za-z0-9_][A-Za-z0-9._-]*'; then
        error="image must be name:version such as psi4:1.5, not '$(shown "$image")'"
    elif [ -n "$pinned" ] && ! printf '%s\n' "$pinned" | grep -q -x -E 'sha256:[0-9a-f]{64}'; then
        error="the digest of an image must be sha256: and 64 hexadecimal digits, not '$(shown "$pinned")'"
    elif ! image_exists; then
        too_much="this resource has no image $image"
    else
        find_digest
        [ -z "$pinned" ] || [ "$pinned" = "$digest" ] || too_much="this resource has no image $image@$pinned"
    fi
}

# Sets `digest`, and `image_path` for bwrap and apptainer: what is stored under its digest never changes, whatever the name
# stands for when the job starts.
find_digest() {
    . "$library/images.sh"
    case "$container" in
        bwrap) image_path=$images/${image%:*}/${image##*:} ;;
        apptainer) image_path=$images/${image%:*}/${image##*:}.sif ;;
        *) [ -z "$pinned" ] || digest=$(engine_digest "${images:+$images/}$image"); return ;;
    esac
    digest=$(stored_digest "$image_path")
    [ -z "$digest" ] || image_path=$(readlink -f "$image_path")
}

# podman and docker look for the image when the job starts, because each user has a store of images.
image_exists() {
    case "$container" in
        bwrap) is_beside_images && [ -d "$images/${image%:*}/${image##*:}" ] ;;
        apptainer) is_beside_images && [ -e "$images/${image%:*}/${image##*:}.sif" ] ;;
    esac
}

# Whether the name leads neither through a link nor into an image: a link in one, as /var/run, leads to this machine.
is_beside_images() {
    folder=$images
    IFS=/
    for part in ${image%:*}; do
        folder=$folder/$part
        if [ -h "$folder" ] || [ -e "$folder/bin" ] || [ -h "$folder/bin" ] || [ -e "$folder/usr" ] || [ -h "$folder/usr" ]; then
            unset IFS
            return 1
        fi
    done
    unset IFS
}
