# shellcheck shell=sh
# What a job finds around it: the site's PATH, the daemon's locale, the daemon's proxies.

locale_variables="LANG LANGUAGE LC_CTYPE LC_COLLATE LC_MESSAGES LC_NUMERIC LC_TIME LC_MONETARY LC_ALL"
proxy_variables="http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY"

# The short names of LGI's filters and the front of PATH are for the scripts. Some batch systems pass this on.
PATH=${LGI_JOB_PATH:-$PATH}

# Lines of shell in front of the job.
surroundings() {
    echo 'unset LC_ALL'
    for name in $locale_variables; do
        ! value_of "$name" || printf '%s=%s; export %s\n' "$name" "$(quoted "$value")" "$name"
    done
    case "$container" in
        bwrap) printf 'exec 9< %s\n' "$(quoted "$own/variables")" ;;
        # Its value is not shown in a list of processes.
        apptainer) apptainer_variables ;;
    esac
    # A process of this machine has inherited the rest.
    [ "$backend" = process ] || surroundings_elsewhere
}

apptainer_variables() {
    for name in $(passed_on); do
        # shellcheck disable=SC2016 # Expanded where the job runs.
        printf 'APPTAINERENV_%s=$%s; export APPTAINERENV_%s\n' "$name" "$name" "$name"
    done
}

# A node may have proxies of its own.
surroundings_elsewhere() {
    for name in $proxy_variables; do
        ! value_of "$name" ||
            printf '[ -n "$%s" ] || { %s=%s; export %s; }\n' "$name" "$name" "$(quoted "$value")" "$name"
    done
    [ -n "$LGI_JOB_PATH" ] || return 0
    printf 'programs=%s\n' "$(quoted "${LGI_JOB_PATH##*:}")"
    # shellcheck disable=SC2016 # Expanded where the job runs.
    echo 'case ":$PATH:" in *:"$programs":*) ;; *) PATH=$PATH:$programs; export PATH ;; esac'
}

# The names of variables that a container gets: without a network no proxy is of use.
passed_on() {
    for name in $locale_variables $([ "$network" != yes ] || echo "$proxy_variables"); do
        ! value_of "$name" || echo "$name"
    done
}

# value_of NAME: sets `value` to what the job finds in a variable; fails when that is nothing.
value_of() {
    eval "value=\${$1:-}"
    [ "$1" != LC_ALL ] || value=$job_locale
    [ -n "$value" ]
}
