"""The load generator, compiled from C for each run: a client in Python would be slower than the server."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

SOURCES = tuple(Path(__file__).parent / name for name in ("load.c", "circle.c", "http.c"))
PACKAGES = ("gcc", "libc6-dev", "libssl-dev")


@dataclass(frozen=True)
class Step:
    """One call of a circle: its name, the posted fields, and the tags of its answer that later steps use.

    ``tag#3`` is the third one. ``{tag}`` in a field is such a value, ``{client}`` the client's number, and
    ``{new}`` 32 hexadecimal digits that were never sent before.
    """

    call: str
    fields: Mapping[str, str]
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class Load:
    """The steps that clients repeat (a circle), the number of clients, and the duration in seconds."""

    steps: Sequence[Step]
    certificate: str
    clients: int
    seconds: float
    reconnect: bool = False


@dataclass(frozen=True)
class Measured:
    """What the generator says of one run; a unit is one circle. See load.c for the words."""

    done: int
    warm: int
    empty: int
    failed: int
    broken: int
    per_second: float
    seconds: float
    client_cores: float
    least_share: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: Mapping[str, int] = field(default_factory=dict)


class MissingProgramError(Exception):
    """A program must be installed first; the message names it."""


def missing() -> str:
    """Return the names of what compilation needs and is missing; empty when nothing is."""
    if shutil.which("cc") is None:
        return "a C compiler (cc)"
    probe = subprocess.run(  # noqa: S603 - a fixed command
        [_cc(), "-E", "-xc", "-"], input=b"#include <openssl/ssl.h>\n", capture_output=True, check=False
    )
    return "" if probe.returncode == 0 else "the headers of OpenSSL (openssl/ssl.h)"


def _cc() -> str:
    return shutil.which("cc") or "cc"


def provide() -> None:
    """Install what compilation needs if possible; raise MissingProgramError otherwise."""
    apt = shutil.which("apt-get")
    if missing() and apt and os.getuid() == 0:
        print(f"Installing {' '.join(PACKAGES)} ...", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
            subprocess.run([apt, *words], env=quiet, capture_output=True, check=False)  # noqa: S603
    if missing():
        raise MissingProgramError(
            f"{missing()} is missing. Install it: sudo apt-get install {' '.join(PACKAGES)}"
        )


class Generator:
    """The compiled generator for one server."""

    def __init__(self, directory: Path, url: str, authority: Path) -> None:
        """Compile into the directory; raise MissingProgramError, or CalledProcessError of the compiler."""
        provide()
        self._program = directory / "load"
        self._url = urlsplit(url)
        self._authority = authority
        flags = ["-std=c11", "-O2", "-Wall", "-Wextra"]
        libraries = ["-lssl", "-lcrypto", "-lpthread"]
        command = [_cc(), *flags, "-o", str(self._program), *map(str, SOURCES), *libraries]
        subprocess.run(command, check=True)  # noqa: S603 - our own sources

    def run(self, load: Load) -> Measured:
        """Return the result of one run; errors of the generator go to standard error."""
        done = subprocess.run(  # noqa: S603 - our own program
            self._command(load), stdout=subprocess.PIPE, check=True, timeout=load.seconds + 300
        )
        return Measured(**json.loads(done.stdout))

    @contextmanager
    def background(self, load: Load) -> Iterator[None]:
        """Run a load during a block, without measuring it."""
        command = self._command(load)
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
        try:
            yield
        finally:
            running.kill()
            running.wait()

    def _command(self, load: Load) -> list[str]:
        command = [
            str(self._program),
            *("-h", self._url.hostname or "", "-p", str(self._url.port)),
            *("-c", load.certificate, "-a", str(self._authority)),
            *("-n", str(load.clients), "-t", str(load.seconds)),
            *(["-r"] if load.reconnect else []),
        ]
        for step in load.steps:
            form = urlencode(step.fields, safe="{}#")
            command += [f"{self._url.path}/{step.call}", form, ",".join(step.keep)]
        return command
