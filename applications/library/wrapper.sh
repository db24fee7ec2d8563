# shellcheck shell=sh disable=SC2086,SC2154
# Runs the program of a job, which is in "$@", and records how it ended. The commands of payload.sh come first; they set
# own, cores and walltime, two numbers, `ran`, the image that the job pins, empty for none, `counts` to yes when the
# processes of the program are children of this shell, and `end_by` to daemon when that completes the end of the job once this
# shell has ended. It needs nothing of LGI, which may not be installed where the job runs.

umask 077
unset LGI_STATE_DIRECTORY
# The job runs once, even when it is submitted twice or a batch system restarts it: a shell creates no file twice (-C).
set -C
true 2> /dev/null > "$own/started" || exit 75
set +C
# Room for the end of the job on a full disk.
printf '%400s\n' '' > "$own/end.new"
export OMP_NUM_THREADS=$cores MKL_NUM_THREADS=$cores OPENBLAS_NUM_THREADS=$cores NUMEXPR_NUM_THREADS=$cores
# After SIGTERM the script waits for the program and records how it ended.
trap : TERM
ticks() {
    read -r uptime _ < /proc/uptime
    now=${uptime%.*}${uptime#*.}
}
ticks
began=$now
# A subshell opens the streams of the job, so that "shell" has only the messages of this one. It prints a message
# when a signal has ended the job (but not for SIGINT and SIGPIPE), and none when the job has exited.
{
    (exec "$@" < /dev/null > "$own/stdout" 2> "$own/stderr")
    code=$?
} 2> "$own/shell"
ticks
# Processor time, of this shell too.
[ "$counts" != yes ] || times > "$own/usage"
end=exit_code=$code why=
if [ $code -gt 128 ] && [ $code -le 192 ] && grep -v setlocale "$own/shell" | grep -q .; then
    end=exit_signal=$((code - 128))
fi
if [ $walltime != 0 ] && [ $((now - began)) -ge $((walltime * 100)) ]; then
    case $code in
        124 | 143) why="time limit of $walltime s exceeded" ;;
        137) why="time limit of $walltime s exceeded, killed" ;;
    esac
fi
if [ -e "$own/probe" ] || [ -h "$own/probe" ]; then rm -rf "$own/probe"; fi
if ! printf '%65536s' '' 2> /dev/null > "$own/probe"; then
    # Other programs say why.
    failure=$(LC_ALL=C; export LC_ALL; { head -c 65536 /dev/zero > "$own/probe"; } 2>&1)
    case "$failure" in *'No space left on device'* | *'quota exceeded'*) why="${why:+$why; }No space left on device" ;; esac
fi
why="$why${ran:+${why:+; }$ran}"
true 2> /dev/null > "$own/probe"
[ -f "$own/end.new" ] || rm -rf "$own/end.new"
# All of it by one system call, so that nobody takes a part for the whole.
printf '%s\n' "$end" ${why:+"reason=$why"} 1<> "$own/end.new"
# What is left of end.new and probe goes with the directory.
[ "$end_by" = daemon ] || ln "$own/end.new" "$own/end" 2> /dev/null || [ -e "$own/end" ] || mv "$own/end.new" "$own/end"
exit $code
