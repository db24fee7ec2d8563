# shellcheck shell=sh
# PBS, both OpenPBS and Torque: qsub, qstat, qdel. Job histories are not needed.
. "$library/queue.sh"

# Names are cut at 15 letters, which leaves 56 bits of the reference.
tag=L$(printf '%.14s' "$LGI_DAEMON_REFERENCE")

submit() {
    resources=nodes=$nodes:ppn=$cpus${memory:+,mem=${memory}mb}${walltime:+,walltime=$walltime}
    # shellcheck disable=SC2086 # Options of the administrator, split at blanks.
    limited qsub -N "$tag" -l "$resources" -r n -j oe -o /dev/null $submit_options "$own/batch"
}

# The id is 12.server; the number is unique, and qstat truncates the rest.
identify() {
    sed -n 's/^\([0-9][0-9]*\)\.[A-Za-z0-9._-]*$/\1/p'
}

query_status() {
    limited qstat
}

# Columns: id, name, user, time, state, queue. Without jobs the answer is empty.
parse_status() {
    awk '
        NR == 1 { strange = !/^Job [Ii][Dd] / }
        NR == 2 { strange = strange || !/^-/ }
        NR < 3 { next }
        NF != 6 || $1 !~ /^[0-9]/ { strange = 1 }
        { id = $1; sub(/\..*/, "", id); print id, ($5 ~ /^[CFX]$/) ? "ended" : "running", $2, $5 }
        END { exit strange }'
}

delete() {
    limited qdel "$1"
}
