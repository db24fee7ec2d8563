# shellcheck shell=sh disable=SC2034,SC2086,SC2154
# Starts a job on plain processes, as job_run does with job.sh, requests.sh, payload.sh and process.sh. The daemon has
# examined its requests and its input already, and says what is to be done in LGI_START: cores, MB of memory, seconds of
# walltime (0 for no limit), and whether the input is a "program" or a "text" for the shell.

own=$LGI_STATE_DIRECTORY
# A prologue that could not fetch the files has ended the job; and see is_prepared in payload.sh. job_run does the rest.
if [ -e "$own/end" ] || [ -h "$own/end" ] || { [ "${LGI_START##* }" = program ] && [ ! -x LGI_input ]; }; then
    unset LGI_START
    return
fi
set -- $LGI_START
cores=$1 walltime=$3 counts=yes ran='' form=$4
# Enforced by the daemon.
[ "$2" = 0 ] || echo "$2" > "$own/memory_limit"
PATH=${LGI_JOB_PATH:-$PATH}
[ -n "${LC_ALL:-}" ] || unset LC_ALL
unset LGI_START

# As identify in process.sh.
read -r boot < /proc/sys/kernel/random/boot_id
read -r stat < "/proc/$$/stat"
set -- ${stat##*) }
printf '%s\n' "$$ ${20} $boot" > "$own/process" || { rm -f "$own/process" && exit 1; }

case "$form" in program) set -- ./LGI_input ;; *) set -- /bin/sh ./LGI_input ;; esac
[ "$walltime" = 0 ] || set -- timeout -k 10 "$walltime" "$@"
# It sees the end of this script.
end_by=daemon
# shellcheck source=/dev/null
. "$library/wrapper.sh"
