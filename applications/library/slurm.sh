# shellcheck shell=sh
# SLURM: sbatch, squeue, scancel. Accounting is not needed; squeue shows an ended job for MinJobAge (300 s).
. "$library/queue.sh"

submit() {
    set -- --parsable --job-name="$tag" --chdir="$PWD" --output="$own/batch.log" --no-requeue \
        --nodes="$nodes" --ntasks-per-node=1 --cpus-per-task="$cpus"
    [ -z "$memory" ] || set -- "$@" --mem="$(((memory + nodes - 1) / nodes))M"
    [ -z "$walltime" ] || set -- "$@" --time="$(((walltime + 59) / 60))"
    # shellcheck disable=SC2086 # Options of the administrator, split at blanks.
    limited sbatch "$@" $submit_options "$own/batch"
}

# The id is 12, or 12;cluster.
identify() {
    sed -n 's/^\([0-9][0-9]*\)\(;.*\)\{0,1\}$/\1/p'
}

query_status() {
    limited squeue --noheader --states=all --user="$(id -u)" --format='%i %T %j'
}

# A job in a state that is not in this list still exists.
parse_status() {
    awk '
        BEGIN {
            split("COMPLETED CANCELLED FAILED TIMEOUT NODE_FAIL PREEMPTED BOOT_FAIL DEADLINE OUT_OF_MEMORY REVOKED", words)
            for (word in words) ended[words[word]]
        }
        NF < 2 || $1 !~ /^[0-9]/ { strange = 1 }
        { print $1, ($2 in ended) ? "ended" : "running", $3, $2 }
        END { exit strange }'
}

delete() {
    limited scancel "$1"
}
