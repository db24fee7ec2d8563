# shellcheck shell=sh
# The environment of a job: the site's PATH, the daemon's locale, the daemon's proxies.

locale_variables="LANG LANGUAGE LC_CTYPE LC_COLLATE LC_MESSAGES LC_NUMERIC LC_TIME LC_MONETARY LC_ALL"
proxy_variables="http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY"

# Without the directories that the daemon adds to PATH for its scripts. Some batch systems pass PATH on to jobs.
PATH=${LGI_JOB_PATH:-$PATH}

# Prints shell commands that set the environment of the job.
environment() {
    echo 'unset LC_ALL'
    for name in $locale_variables; do
        value_of "$name" || continue
        quote "$value"
        printf '%s=%s; export %s\n' "$name" "$quoted" "$name"
    done
    case "$container" in
        bwrap) printf 'exec 9< %s\n' "$(quoted "$own/variables")" ;;
        # As variables, so that values are not in the process list.
        apptainer) apptainer_variables ;;
    esac
    # A process on this machine inherits the rest.
    [ "$backend" = process ] || remote_environment
}

apptainer_variables() {
    for name in $(forwarded_variables); do
        # shellcheck disable=SC2016 # Expanded where the job runs.
        printf 'APPTAINERENV_%s=$%s; export APPTAINERENV_%s\n' "$name" "$name" "$name"
    done
}

# Proxies and programs for another machine; its own proxies are kept.
remote_environment() {
    for name in $proxy_variables; do
        ! value_of "$name" ||
            printf '[ -n "$%s" ] || { %s=%s; export %s; }\n' "$name" "$name" "$(quoted "$value")" "$name"
    done
    [ -n "$LGI_JOB_PATH" ] || return 0
    printf 'programs=%s\n' "$(quoted "${LGI_JOB_PATH##*:}")"
    # shellcheck disable=SC2016 # Expanded where the job runs.
    echo 'case ":$PATH:" in *:"$programs":*) ;; *) PATH=$PATH:$programs; export PATH ;; esac'
}

# Prints the names of the variables for a container. Proxies are useless without a network.
forwarded_variables() {
    for name in $locale_variables $([ "$network" != yes ] || echo "$proxy_variables"); do
        ! value_of "$name" || echo "$name"
    done
}

# value_of NAME: sets `value` to the job's value of a variable; fails when it is empty.
value_of() {
    eval "value=\${$1:-}"
    [ "$1" != LC_ALL ] || value=$job_locale
    [ -n "$value" ]
}
