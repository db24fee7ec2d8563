# shellcheck shell=sh
# SGE and its successors: qsub, qstat, qdel. Accounting (qacct) is not needed.
. "$library/queue.sh"

# The parallel environment for more than one core or node, and the name of the memory limit of a core.
: "${parallel_environment:=smp}" "${memory_resource:=h_vmem}"

submit() {
    slots=$((cpus * nodes))
    set -- -terse -N "$tag" -S /bin/sh -r n -wd "$PWD" -j y -o /dev/null
    [ "$slots" -eq 1 ] || set -- "$@" -pe "$parallel_environment" "$slots"
    [ -z "$memory" ] || set -- "$@" -l "$memory_resource=$(((memory + slots - 1) / slots))M"
    [ -z "$walltime" ] || set -- "$@" -l "h_rt=$walltime"
    # shellcheck disable=SC2086 # Options of the administrator, split at blanks.
    limited qsub "$@" $submit_options "$own/batch"
}

identify() {
    sed -n 's/^[0-9][0-9]*$/&/p'
}

# As XML, because the table truncates names.
query_status() {
    limited qstat -u "$(id -un)" -xml
}

# One element per line. E in the state: the job failed to start and waits for an administrator.
parse_status() {
    awk -F '[<>]' '
        $2 == "JB_job_number" { id = $3 }
        $2 == "JB_name" { name = $3 }
        $2 == "state" { state = $3 }
        $2 == "/job_list" { print id, (state ~ /E/) ? "ended" : "running", name, state; id = name = state = "" }
        $2 == "/job_info" { whole = 1 }
        END { exit !whole }'
}

delete() {
    limited qdel "$1"
}
