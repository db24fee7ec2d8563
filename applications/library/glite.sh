# shellcheck shell=sh
# gLite's workload management: glite-wms-job-submit, -status, -output and -cancel. Written from the manual and tested
# with a simulation only. The job's files are sent with it, since there is no shared file system.
. "$library/queue.sh"

# On the worker node the directory of the job is new and contains only the sent files.
directives() {
    echo 'mkdir .LGI_job && mv input .LGI_job/input && chmod 700 .LGI_job/input || exit 75'
    echo 'trap "tar -cf LGI_results.tar --exclude=LGI_results.tar --exclude=batch ." EXIT'
}

# Files are sent only if their names cannot end a string of the job description.
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
    # shellcheck disable=SC2086 # Options of the administrator, split at blanks.
    limited glite-wms-job-submit --noint -a $submit_options "$own/job.jdl"
}

identify() {
    sed -n 's,^\(https://[A-Za-z0-9._:-]*/[A-Za-z0-9_-]*\)$,\1,p' | head -n 1
}

query_status() {
    limited glite-wms-job-status --noint --all --verbosity 1
}

# One block per job. The state "Unknown" is temporary, so that such a job counts as running.
parse_status() {
    awk '
        function tell() { if (id) print id, ended ? "ended" : "running", name ? name : "-", word }
        /^Status info for the Job *: */ { tell(); id = $NF; name = word = ""; ended = 0 }
        /^Current Status: */ { word = $3; ended = word ~ /^(Done|Aborted|Cancelled|Cleared)/ }
        /LGI *= *LGI_[0-9A-F]+/ { name = $NF; gsub(/[";]/, "", name) }
        /BOOKKEEPING INFORMATION|No jobs? found/ { whole = 1 }
        END { tell(); exit !whole }'
}

# The output of an ended job can be fetched once. It contains the state files of the job; its end file is moved last.
fetch() {
    [ "$state" = ended ] || return 0
    limited glite-wms-job-output --noint --nosubdir --dir "$own/results" "$id" > "$own/fetch.log" 2>&1
    [ ! -f "$own/results/LGI_results.tar" ] || tar -xf "$own/results/LGI_results.tar"
    [ "$own" != "$PWD/.LGI_job" ] || return 0
    for file in stdout stderr end; do
        [ ! -f .LGI_job/$file ] || mv -f .LGI_job/$file "$own/$file"
    done
}

delete() {
    limited glite-wms-job-cancel --noint "$1"
}
