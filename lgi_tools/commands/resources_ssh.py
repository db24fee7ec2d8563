"""What LGI_resources does on a host, by ssh as the user has configured it."""

import subprocess
import threading
from enum import StrEnum
from pathlib import Path

from lgi_protocol.value_object import value_object
from lgi_tools.client.text import one_line
from lgi_tools.commands.resources_hosts import Host
from lgi_tools.commands.resources_script import SCRIPT, remote_command

# Bytes of what a host says, and characters of a message that are shown.
_MOST, _SHOWN = 2**16, 300
_ANSWER = "LGI: "
_CONNECT_SECONDS = 10
# No password is asked for; nothing of this machine is open to the host.
_OPTIONS = (
    *("BatchMode=yes", "ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no"),
    *("PermitLocalCommand=no", "RequestTTY=no", f"ConnectTimeout={_CONNECT_SECONDS}"),
    *("ServerAliveInterval=5", "ServerAliveCountMax=3", "LogLevel=ERROR"),
)


class DaemonState(StrEnum):
    """What is known of a daemon after a call."""

    RUNNING = "running"
    STARTED = "started"
    STOPPED = "stopped"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


@value_object
class HostReport:
    """The daemon of a host: its state, its process there (0 for none), and what was wrong."""

    host: Host
    state: DaemonState
    pid: int = 0
    message: str = ""


def look(host: Host, action: str, seconds: int, configuration: Path | None = None) -> HostReport:
    """Do one of the actions of the script on a host, within ``seconds``, and return what became of it.

    ``configuration`` is a file for ssh in place of the user's own.
    """
    inner = str(max(1, seconds - _CONNECT_SECONDS))
    words = [action, host.directory, host.program, inner, *host.options]
    try:
        status, text = _run([*_command(host, configuration), remote_command(words)], seconds)
    except OSError as error:
        return HostReport(host, DaemonState.UNREACHABLE, message=f"ssh cannot be started: {error}")
    return _report(host, status, text, seconds)


def _command(host: Host, configuration: Path | None) -> list[str]:
    return [
        *("ssh", "-T", *(("-F", str(configuration)) if configuration else ())),
        *(part for option in _OPTIONS for part in ("-o", option)),
        *(("-p", str(host.port)) if host.port else ()),
        *(("-l", host.user) if host.user else ()),
        *("--", host.address),
    ]


def _run(command: list[str], seconds: int) -> tuple[int | None, str]:
    """Return the status of a command, None if it took too long, and the begin of all that it has said."""
    with subprocess.Popen(  # noqa: S603 - constant words, and names that were checked
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, kill)
        timer.start()
        try:
            assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes
            try:
                process.stdin.write(SCRIPT.encode())
                process.stdin.close()
            except BrokenPipeError:
                pass
            said = process.stdout.read(_MOST)
            if len(said) == _MOST:
                process.kill()
            status = process.wait()
        finally:
            timer.cancel()
    return None if late.is_set() else status, said.decode("utf-8", "replace")


def _report(host: Host, status: int | None, text: str, seconds: int) -> HostReport:
    lines = text.splitlines()
    answers = [line.removeprefix(_ANSWER) for line in lines if line.startswith(_ANSWER)]
    word, _, rest = answers[-1].partition(" ") if answers else ("", "", "")
    if word == DaemonState.FAILED:
        return HostReport(host, DaemonState.FAILED, message=one_line(rest)[:_SHOWN])
    if word == DaemonState.STOPPED and status == 0:
        return HostReport(host, DaemonState.STOPPED)
    if word in {DaemonState.RUNNING, DaemonState.STARTED} and rest.isascii() and rest.isdigit():
        return HostReport(host, DaemonState(word), int(rest[:10]))
    if status is None:
        return HostReport(host, DaemonState.UNREACHABLE, message=f"no answer within {seconds} s")
    said = one_line(" ".join(lines))[:_SHOWN] or f"ssh has ended with status {status}"
    return HostReport(host, DaemonState.UNREACHABLE, message=said)
