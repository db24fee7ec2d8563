"""What LGI_resources runs on a host: a constant script, whose arguments have been checked.

Its last line that begins with "LGI: " is the answer. A daemon is one that has signed the run directory since
the host has booted, and is still a process of LGI_daemon.
"""

import shlex
from collections.abc import Sequence

# Arguments: action, directory of LGI.cfg, program, seconds for a start or stop, options of the daemon.
SCRIPT = r"""
action=$1 directory=$2 program=$3 seconds=$4
shift 4
say() { printf 'LGI: %s\n' "$*"; }
fail() { say "failed $*"; exit 1; }
case $program in /*) ;; */*) program=$HOME/$program ;; esac
cd -- "$directory" 2>/dev/null || fail "there is no directory $directory"
[ -f LGI.cfg ] || fail "there is no LGI.cfg in $directory"
run=$(sed -n 's:^.*<run_directory> *\([^<]*[^ <]\) *</run_directory>.*$:\1:p' LGI.cfg | head -n 1)
[ -n "$run" ] || fail "LGI.cfg has no run_directory"
boot=$(cat /proc/sys/kernel/random/boot_id)
holder() {
    [ -r "$run/.lock" ] || return 1
    IFS= read -r signed < "$run/.lock" || return 1
    case $signed in *", boot $boot, pid "*) ;; *) return 1 ;; esac
    pid=${signed##*, pid }
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    tr '\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -q LGI_daemon
}
tell() { if holder; then say "running $pid"; else say stopped; fi; }
stop() {
    holder || return 0
    kill -TERM "$pid" || fail "the daemon, process $pid, cannot be stopped"
    left=$seconds
    while holder; do
        [ "$left" -gt 0 ] || fail "the daemon, process $pid, still runs after $seconds s"
        left=$((left - 1))
        sleep 1
    done
}
start() {
    "$program" "$@" -d -l LGI.log LGI.cfg > LGI.start 2>&1 < /dev/null ||
        fail "the daemon does not start: $(head -c 500 LGI.start | tr '\n' ' ')"
    # Looked at again: it may end for what it finds out a moment later.
    sleep 2
    holder || fail "the daemon has ended after its start: LGI.log in $directory has the reason"
    say "started $pid"
}
case $action in
status) tell ;;
stop) stop; say stopped ;;
restart) if holder; then say "running $pid"; else start "$@"; fi ;;
force) stop; start "$@" ;;
esac
"""


def remote_command(arguments: Sequence[str]) -> str:
    """Return the command that reads the script on standard input, for the login shell of a host."""
    return shlex.join(["/bin/sh", "-s", "--", *arguments])
