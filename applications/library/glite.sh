# shellcheck shell=sh
# gLite's workload management: glite-wms-job-submit, -status, -output and -cancel, as their manual describes
# them; no such system is there to try it on. The job's files travel: there is no common file system.
. "$library/queue.sh"

# Where the job arrives its directory is new and has only what was sent.
directives() {
    echo 'mkdir .LGI_job && mv input .LGI_job/input && chmod 700 .LGI_job/input || exit 75'
    echo 'trap "tar -cf LGI_results.tar --exclude=LGI_results.tar --exclude=batch ." EXIT'
}

# A job description is no place for names that end a string in it.
submit() {
    {
        echo '['
        echo 'Executable = "batch"; RetryCount = 0; ShallowRetryCount = 0;'
        printf 'CpuNumber = %d; UserTags = [ LGI = "%s" ];\n' "$((cpus * nodes))" "$tag"
        printf 'InputSandbox = { "%s/batch", "%s/%s"' "$own" "$PWD" "$input"
        for file in *; do
            case "$file" in LGI_* | *[!A-Za-z0-9._-]*) continue ;; esac
            [ ! -f "$file" ] || printf ', "%s/%s"' "$PWD" "$file"
        done
        echo '};'
        echo 'OutputSandbox = { "LGI_results.tar" };'
        echo ']'
    } > "$own/job.jdl"
    # shellcheck disable=SC2086 # The administrator's words.
    limited glite-wms-job-submit --noint -a $submit_options "$own/job.jdl"
}

identify() {
    sed -n 's,^\(https://[A-Za-z0-9._:-]*/[A-Za-z0-9_-]*\)$,\1,p' | head -n 1
}

query_status() {
    limited glite-wms-job-status --noint --all --verbosity 1
}

# A block for each job; "Unknown" is the word for a job whose state cannot be told now.
parse_status() {
    awk '
        function tell() { if (id) print id, ended ? "ended" : "running", name ? name : "-", word }
        /^Status info for the Job *: */ { tell(); id = $NF; name = word = ""; ended = 0 }
        /^Current Status: */ { word = $3; ended = word ~ /^(Done|Aborted|Cancelled|Cleared)/ }
        /LGI *= *LGI_[0-9A-F]+/ { name = $NF; gsub(/[";]/, "", name) }
        /BOOKKEEPING INFORMATION|No jobs? found/ { whole = 1 }
        END { tell(); exit !whole }'
}

# What the job has left comes once, when it is done; its marks and streams are among it, its end last.
fetch() {
    [ "$state" = ended ] || return 0
    limited glite-wms-job-output --noint --nosubdir --dir "$own/results" "$id" > "$own/fetch.log" 2>&1
    [ ! -f "$own/results/LGI_results.tar" ] || tar -xf "$own/results/LGI_results.tar"
    [ "$own" != "$PWD/.LGI_job" ] || return 0
    for mark in stdout stderr end; do
        [ ! -f .LGI_job/$mark ] || mv -f .LGI_job/$mark "$own/$mark"
    done
}

delete() {
    limited glite-wms-job-cancel --noint "$1"
}
