"""A revoked certificate at a server with several workers."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from lgi_tools.certificates.ca import read_certificate
from tests.support import certificates
from tests.support.grid import Grid, UserCalls, running, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.one_database]


def sockets(grid: Grid) -> list[int]:
    """How many sockets each worker of a server has."""
    assert grid.process is not None
    pid = grid.process.pid
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [sum(map(is_socket, Path(f"/proc/{worker}/fd").iterdir())) for worker in workers]


def is_socket(descriptor: Path) -> bool:
    """Whether a descriptor of a process is a socket; one that was closed meanwhile is none."""
    with suppress(FileNotFoundError):
        return os.readlink(descriptor).startswith("socket:")
    return False


def test_a_revocation_is_in_force_in_all_workers_at_once() -> None:
    """None of many kept connections, which several workers have, gets an answer after that."""
    callers: list[UserCalls] = []
    valid: set[int] = set()
    with running(Grid(settings={"workers": "4"})) as grid:
        wait_for(lambda: len(sockets(grid)) == 4)
        before = sockets(grid)
        issued = grid.people.authority.issue_user("eve@laptop", ("theor",))

        def several_are_busy() -> bool:
            """Whether more connections have come to several workers; one that starts late gets later ones."""
            more = [UserCalls(grid.client(issued), "eve@laptop", "theor") for _ in range(40)]
            callers.extend(more)
            valid.update(caller.refusal("interface_project_server_list") for caller in more)
            busy = [now > then for then, now in zip(before, sockets(grid), strict=True)]
            return busy.count(True) > 1

        wait_for(several_are_busy)

        certificates.revoke(grid.people.authority, read_certificate(issued.certificate).serial_number)
        revoked = {caller.refusal("interface_project_server_list") for caller in callers}

    assert (valid, revoked) == ({0}, {2})
