# shellcheck shell=sh
# Containers: the job sees its directory as /rundir and its image, read-only or as a copy, and nothing else of this
# machine. The state of the scripts is in the state directory, which is not visible in the container.

variables="OMP_NUM_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS NUMEXPR_NUM_THREADS"

container_words() {
    case "$container" in
        bwrap) bubblewrap ;;
        apptainer) apptainer_words ;;
        podman | docker) engine_words ;;
    esac
}

# each_variable FORMAT: prints the variables of the job; FORMAT gets the name and the value.
each_variable() {
    for name in $variables; do
        # shellcheck disable=SC2059 # The format is a constant of this file.
        printf -- "$1" "$name" "$cpus"
    done
    for name in LGI_JOB_ID LGI_PROJECT LGI_APPLICATION; do
        eval "value=\$$name"
        # shellcheck disable=SC2059
        printf -- "$1" "$name" "$(quoted "$value")"
    done
}

# Each entry of the image's root is mounted by itself, since a read-only image may have no /rundir.
bubblewrap() {
    # The address of a proxy may contain a password and must not be in the process list: bwrap reads it (--args 9).
    for name in $(forwarded_variables); do
        value_of "$name"
        printf -- '--setenv\0%s\0%s\0' "$name" "$value"
    done > "$own/variables"
    root=$image_path
    printf 'bwrap --unshare-all --die-with-parent --new-session --clearenv '
    [ "$network" != yes ] || printf -- '--share-net '
    for path in "$root"/* "$root"/.[!.]*; do
        case "${path##*/}" in proc | dev | tmp | rundir) continue ;; esac
        if [ -h "$path" ]; then
            printf -- '--symlink %s %s' "$(quoted "$(readlink "$path")")" "$(quoted "/${path##*/}")"
        elif [ -e "$path" ]; then
            printf -- '--ro-bind %s %s' "$(quoted "$path")" "$(quoted "/${path##*/}")"
        fi
    done
    printf -- '--proc /proc --dev /dev --tmpfs /tmp --bind %s /rundir ' "$(quoted "$PWD")"
    printf -- '--args 9 --chdir /rundir --setenv HOME /rundir --setenv PATH /usr/local/bin:/usr/bin:/bin '
    each_variable '--setenv %s %s '
    printf -- '-- '
}

apptainer_words() {
    printf 'apptainer exec --containall --cleanenv --no-home --pwd /rundir '
    [ "$network" = yes ] || printf -- '--net --network none '
    printf -- '--bind %s ' "$(quoted "$PWD:/rundir")"
    each_variable '--env %s=%s '
    quoted "$image_path"
}

# podman and docker. The container has a name for its removal, because it can outlive the command that started it.
engine_words() {
    # Without the variable: helper processes that the engine keeps for all containers must not be killed with this job.
    printf 'env -u LGI_DAEMON_REFERENCE %s run --rm --name %s --pull never --workdir /rundir --env HOME=/rundir ' "$container" "LGI_$LGI_DAEMON_REFERENCE"
    [ "$network" = yes ] || printf -- '--network none '
    # docker's daemon runs as root; in podman root of the container is the calling user.
    [ "$container" != docker ] || printf -- '--user %d:%d ' "$(id -u)" "$(id -g)"
    [ "$backend" != process ] || printf -- '--cpus %d ' "$cpus"
    # An engine's containers are no processes that the daemon recognizes as the job's.
    most=${LGI_JOB_MAX_MEMORY:-$memory}
    [ -z "$memory" ] || [ "$memory" -gt "$most" ] || most=$memory
    [ -z "$most" ] || printf -- '--memory %dm ' "$most"
    printf -- '--volume %s ' "$(quoted "$PWD:/rundir")"
    each_variable '--env %s=%s '
    # Without a value: the engine takes it from its environment.
    for name in $(forwarded_variables); do printf -- '--env %s ' "$name"; done
    printf '%s ' "$container_options"
    # A pinned image by its id: the name may stand for another one by now.
    if [ -n "$pinned" ]; then quoted "${pinned#sha256:}"; else quoted "${images:+$images/}$image"; fi
}

remove_container() {
    case "$container" in
        # podman sends SIGTERM first and waits for ten seconds.
        podman) set -- --time 0 ;;
        docker) set -- ;;
        *) return ;;
    esac
    timeout -k 2 20 env -u LGI_DAEMON_REFERENCE "$container" rm --force "$@" "LGI_$LGI_DAEMON_REFERENCE" > /dev/null 2>&1
}
