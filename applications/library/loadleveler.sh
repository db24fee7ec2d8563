# shellcheck shell=sh
# LoadLeveler: llsubmit, llq, llcancel. Written from the manual and tested with a simulation only.
. "$library/queue.sh"

# Keywords of the manual; submit_options has further ones without blanks, such as class=short.
directives() {
    cat << END
# @ job_name = $tag
# @ job_type = $([ "$nodes" -gt 1 ] && echo parallel || echo serial)
# @ output = /dev/null
# @ error = /dev/null
# @ notification = never
# @ restart = no
# @ resources = ConsumableCpus($cpus)${memory:+ ConsumableMemory($((memory / nodes))mb)}
END
    [ "$nodes" -eq 1 ] || printf '# @ node = %d\n# @ tasks_per_node = 1\n' "$nodes"
    [ -z "$walltime" ] || printf '# @ wall_clock_limit = %d\n' "$walltime"
    for option in $submit_options; do
        printf '# @ %s\n' "$option"
    done
    echo '# @ queue'
}

submit() {
    limited llsubmit "$own/batch"
}

# llsubmit prints: The job "host.example.org.12" has been submitted. llq prints "host.12.0": host, job, step.
identify() {
    sed -n 's/.*"\([A-Za-z0-9_-]*\)\(\.[A-Za-z0-9._-]*\)\{0,1\}\.\([0-9][0-9]*\)".*submitted.*/\1.\3/p'
}

query_status() {
    limited llq -u "$(id -un)" -r %id %jn %st
}

parse_status() {
    awk -F ! '
        /There is currently no job status to report/ { next }
        NF == 0 { next }
        NF != 3 { strange = 1; next }
        {
            id = $1; sub(/\.[0-9]+$/, "", id)
            print id, ($3 ~ /^(C|CA|NR|RM|TX)$/) ? "ended" : "running", $2, $3
        }
        END { exit strange }'
}

delete() {
    limited llcancel "$1"
}
