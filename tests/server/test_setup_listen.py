"""Where a server that LGI_setup has made listens."""

import subprocess
from pathlib import Path

import pytest

from lgi_server.config import parser as configuration
from lgi_tools.commands.certificates import main as certificates
from tests.support.grid import BIN


@pytest.mark.parametrize(
    ("host", "listen"),
    [
        ("localhost", "127.0.0.1:8443"),
        ("127.0.0.1", "127.0.0.1:8443"),
        ("[::1]", "[::1]:8443"),
        ("lgi.example.org", "0.0.0.0:8443"),
        ("[2001:db8::1]", "[::]:8443"),
    ],
)
def test_a_server_called_localhost_listens_there_only(tmp_path: Path, host: str, listen: str) -> None:
    """Its URL is of no use to others; a server with another name listens on every address."""
    place, name = tmp_path / "certificates", host.strip("[]")
    for words in (["init"], ["server", name], ["resource", f"LGI@{name}"]):
        assert certificates(["--directory", str(place), *words]) == 0

    words = [f"--url=https://{host}:8443/LGI", f"--certificates={place}"]
    subprocess.run([BIN / "LGI_setup", tmp_path / "server", *words], check=True, capture_output=True)

    assert configuration.load(tmp_path / "server" / "LGI_server.cfg").listen == listen
