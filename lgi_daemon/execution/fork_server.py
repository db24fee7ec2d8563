"""Starts programs for a daemon, as other users too: a small process is forked faster than the daemon.

It runs by itself, without the modules of LGI (`children` is the other side). Each request on its socket comes
with a channel: the new process says its number there, and waits for a letter before it runs the program.
The end of the channel, as when the daemon has died, ends it too. It is root until then, so that no process of
the job can stop it; afterwards it has no privileges, and gains none from any program it starts.
"""

# What signal and socket stand on: with these, and all that they import, each fork takes longer.
import _signal  # type: ignore[import-not-found]
import _socket
import array
import errno
import gc
import os
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes

# Bytes of a request: longer than arguments and environment of any script.
LONGEST = 160 * 1024
GO = b"g"
# Of a file beside the program of a job, with its name: it is deleted at the release, before the program runs.
HOLD = ".hold"
# In front of the number of a process that waits, and of the exit status of one that has ended.
BEGUN, ENDED = b"p", b"s"
# As a shell: the program cannot be started, or there is none. The last one is never seen by anybody.
_NOT_STARTED, _MISSING, _DROPPED = 126, 127, 125
# Of linux/prctl.h, linux/sched.h and linux/capability.h.
_NO_NEW_PRIVILEGES, _DROP_BOUND, _NEW_NAMESPACE, _CAPABILITIES = 38, 24, 0x20000, 0x20080522


def main(descriptor: int) -> None:
    """Serve until the daemon closes its end of the socket."""
    control = _socket.socket(fileno=descriptor)
    os.set_inheritable(descriptor, False)
    libc = _load_libc() if os.geteuid() == 0 else None
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    _signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    _signal.signal(_signal.SIGCHLD, lambda _number, _frame: None)
    channels: dict[int, int] = {}
    daemon = os.getppid()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.register(reader, select.POLLIN)
    # Memory that is not written to is shared with each new process.
    gc.disable()
    gc.freeze()
    while True:
        ready = {found for found, _event in poll.poll()}
        if reader in ready:
            os.read(reader, 4096)
            _reap(control, channels, daemon)
        if descriptor in ready and not _serve(control, channels, libc):
            return


def _serve(control: _socket.socket, channels: dict[int, int], libc: "ctypes.CDLL | None") -> bool:
    """Start one program; return False once the daemon has gone. The end of a job is said to nobody."""
    data, ancillary, _flags, _address = control.recvmsg(
        LONGEST, _socket.CMSG_SPACE(5 * 4), _socket.MSG_CMSG_CLOEXEC
    )
    if not data:
        return False
    files = array.array("i")
    for _level, _kind, sent in ancillary:
        files.frombytes(sent)
    channel, output, *others = files
    try:
        pid = os.fork()
    except OSError:
        # The end of the channel says so.
        pid = -1
    if pid == 0:
        _run(data.decode("utf-8", "surrogateescape").split("\0"), channel, output, others, libc)
    for descriptor in (output, *others):
        os.close(descriptor)
    if pid > 0 and not data.startswith(b"job\0"):
        channels[pid] = channel
    else:
        os.close(channel)
    return True


def _reap(control: _socket.socket, channels: dict[int, int], daemon: int) -> None:
    """Say how programs have ended, or of those of jobs what they have used, and wake the daemon."""
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        channel = channels.pop(pid, None)
        if channel is not None:
            # The daemon may not wait for it any more.
            try:  # noqa: SIM105 - without contextlib
                os.write(channel, b"%s%d" % (ENDED, os.waitstatus_to_exitcode(status)))
            except OSError:
                pass
            os.close(channel)
        elif os.getppid() == daemon:
            # A daemon that does not read it loses it.
            times = 1000 * (used.ru_utime + used.ru_stime)
            said = b"%d %d %d" % (pid, times, 1024 * used.ru_maxrss)
            try:  # noqa: SIM105 - without contextlib
                control.send(said, _socket.MSG_DONTWAIT)
            except OSError:
                pass
            os.kill(daemon, _signal.SIGCHLD)


def _run(fields: list[str], channel: int, output: int, others: list[int], libc: "ctypes.CDLL | None") -> None:
    """Become the program of a request; never return. ``others``: input and errors of a session, namespace."""
    try:
        kind, uid, errors, directory, count, *words = fields
        os.setsid()
        os.chdir(directory)
        os.write(channel, b"%s%d" % (BEGUN, os.getpid()))
        if os.read(channel, 1) != GO:
            os._exit(_DROPPED)
        if kind == "job":
            # While it is there the program was never run. Missing when there was no room for it.
            try:  # noqa: SIM105 - without contextlib
                os.unlink(f"{words[0]}{HOLD}")
            except FileNotFoundError:
                pass
        streams, namespace = _streams(kind, output, bool(errors), others)
        os.umask(0o077)
        for number in namespace:
            # It begins in the root directory.
            _check(libc.setns(number, _NEW_NAMESPACE) if libc else -1)
            os.chdir(directory)
        for number, source in enumerate(streams):
            os.dup2(source, number)
        # Python ignores them, and so would the program.
        _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
        _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
        if uid:
            _become(int(uid), libc)
        arguments, variables = words[: int(count)], words[int(count) :]
        _execute(arguments, dict(one.split("=", 1) for one in variables))
    except FileNotFoundError:
        os._exit(_MISSING)
    finally:
        os._exit(_NOT_STARTED)


def _streams(kind: str, output: int, errors: bool, others: list[int]) -> tuple[list[int], list[int]]:
    """Return the standard streams of a program, and the namespace, if any. A terminal becomes its own."""
    if kind == "session":
        if os.isatty(others[0]):
            import fcntl
            import termios

            fcntl.ioctl(others[0], termios.TIOCSCTTY, 0)
        return [others[0], output, others[1]], others[2:]
    nothing = os.open(os.devnull, os.O_RDWR)
    return [nothing, output, output if errors else nothing], others


def _execute(arguments: list[str], environment: dict[str, str]) -> None:
    try:
        os.execve(arguments[0], arguments, environment)  # noqa: S606 - the administrator's script
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        # As LGI: a file without "#!" is run by sh.
        os.execve("/bin/sh", ["/bin/sh", *arguments], environment)  # noqa: S606 - the same


def _become(uid: int, libc: "ctypes.CDLL | None") -> None:
    """Take a uid, and the gid of the same number, without other groups and without any capability."""
    if libc is None:
        raise PermissionError
    capability = 0
    while libc.prctl(_DROP_BOUND, capability, 0, 0, 0) == 0:
        capability += 1
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Of both words the effective, permitted and inheritable ones.
    _check(libc.capset(_CAPABILITIES.to_bytes(4, sys.byteorder) + bytes(4), bytes(24)))
    _check(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        raise OSError


def _load_libc() -> "ctypes.CDLL":
    import ctypes

    return ctypes.CDLL(None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
