"""The eight commands of README.md: two install LGI on each of two machines, two set up, two are Anna's."""

import re
from collections.abc import Mapping
from typing import Protocol

from tests.documents.blocks import blocks
from tests.packages.chroot import ROOT

README = ROOT / "README.md"
# Where the job of the last command runs, and whose it is.
SERVER, USER = "lgi.example.org", "anna"


class Host(Protocol):
    """A machine where users type."""

    def run(self, script: str, *, user: str = ..., typed: Mapping[str, str] | None = ...) -> str:
        """Return what a script prints for a user, who types what is asked for."""


def commands(kind: str, *, word: str) -> list[str]:
    """The lines of the block of README.md that has a word."""
    (found,) = (block.text.splitlines() for block in blocks(README, kind) if word in block.text)
    return found


def on_server() -> list[str]:
    """The four commands of the server's machine."""
    return commands("sh network", word="LGI_setup")


def on_desk() -> list[str]:
    """The four commands of Anna's machine."""
    return commands("sh network", word="LGI_login")


def of_packages() -> list[str]:
    """The two commands that install packages, in place of the first two."""
    return commands("sh root", word="lgi-*.deb")


def work(server: Host, desk: Host) -> str:
    """Type what comes after the installation; return what Anna's job has printed."""
    set_up, make_token = on_server()[2:]
    log_in, run_job = on_desk()[2:]
    server.run(set_up, user="root")
    said = server.run(make_token, user="root")
    assert log_in in said
    (token,) = set(re.findall(r"lgiuser1\.[\w.-]+", said))
    desk.run(log_in, user=USER, typed={"Token": token})
    return desk.run(run_job, user=USER)
