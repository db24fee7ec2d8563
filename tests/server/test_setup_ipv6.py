"""LGI_setup and LGI_certificates with an address of IPv6."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_tools.commands.certificates import main as certificates
from tests.conftest import lacking
from tests.support.grid import BIN, wait_for
from tests.support.ports import free_port

pytestmark = pytest.mark.slow


def free_port_of_ipv6() -> int:
    """Return an unused port of the loopback address, of those that connections do not get."""
    port = free_port()
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", port))
    except OSError:
        lacking("IPv6")
        raise
    return port


def listens(port: int) -> bool:
    """Return whether a port accepts connections."""
    with socket.socket(socket.AF_INET6) as probe:
        return probe.connect_ex(("::1", port)) == 0


def test_a_server_is_set_up_under_an_address_of_ipv6(tmp_path: Path) -> None:
    """It finds the files of LGI_certificates, listens on the address, and its certificate fits."""
    port, place = free_port_of_ipv6(), tmp_path / "certificates"
    for words in (["init"], ["server", "::1"], ["resource", "LGI@::1"], ["user", "mark@laptop"]):
        assert certificates(["--directory", str(place), *words]) == 0
    url = f"https://[::1]:{port}/LGI"

    made = subprocess.run(
        [BIN / "LGI_setup", tmp_path / "server", f"--url={url}", f"--certificates={place}"],
        capture_output=True,
        text=True,
    )
    assert (made.returncode, made.stderr) == (0, "")
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen([BIN / "LGI_server", tmp_path / "server" / "LGI_server.cfg"], stderr=log)
    try:
        wait_for(lambda: listens(port))
        mark = Credentials(place / "mark@laptop.key", place / "mark@laptop.crt", place / "ca.crt")
        caller = {"project": "LGI", "user": "mark@laptop", "groups": "mark@laptop"}
        reply = Client(url, mark).post("interfaces/interface_project_server_list", caller)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        log.close()

    assert reply.value("this_project_server") == url


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (["init"], "%3A%3A1.crt is missing: make it with LGI_certificates server ::1"),
        (
            ["init", "server ::1"],
            "/LGI@%3A%3A1.crt is missing: make it with LGI_certificates resource LGI@",
        ),
    ],
)
def test_the_file_that_is_missing_is_the_one_that_would_be_made(
    tmp_path: Path, words: list[str], missing: str
) -> None:
    """The message has the command that creates it."""
    place = tmp_path / "certificates"
    for word in words:
        assert certificates(["--directory", str(place), *word.split()]) == 0

    made = subprocess.run(
        [BIN / "LGI_setup", tmp_path / "server", "--url=https://[::1]:8443/LGI", f"--certificates={place}"],
        capture_output=True,
        text=True,
    )

    assert made.returncode == 1
    assert missing in made.stderr
