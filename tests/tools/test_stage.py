"""LGI_stage: which failures are worth another try."""

from functools import partial
from pathlib import Path

import pytest

from lgi_protocol.credentials import Credentials
from lgi_tools.certificates.ca import Authority, Issued
from lgi_tools.client.repository import Repository
from lgi_tools.staging.outcome import PERMANENT, RETRY, UNREACHABLE, transfer
from lgi_tools.staging.store import store
from tests.support.canned_server import CannedServer

from .test_filetransfer import LISTING, PLACE, done

pytestmark = pytest.mark.one_database


@pytest.fixture
def repository(server: CannedServer, authority: Authority, mark: Issued) -> Repository:
    """A job's, on the canned server."""
    credentials = Credentials(mark.key, mark.certificate, authority.ca_file)
    return Repository(server.url + PLACE, credentials.session())


@pytest.mark.parametrize(("number", "code"), [(503, RETRY), (500, RETRY), (403, PERMANENT), (413, PERMANENT)])
def test_a_server_in_trouble_is_asked_again_one_that_refuses_is_not(
    server: CannedServer, repository: Repository, number: int, code: int
) -> None:
    """Busy, or its disk is full: that passes, and results would be lost by giving up after three looks."""
    Path("result").write_text("x")
    for method in ("GET", "PUT"):
        server.will_answer(method, f"{PLACE}/result", done(number, "said so"))

    assert transfer("result", partial(repository.upload, "result", Path("result"))) == code
    assert transfer("result", partial(repository.download, "result", Path("other"))) == code


@pytest.mark.parametrize(("number", "code"), [(500, RETRY), (503, UNREACHABLE)])
def test_a_server_that_is_away_is_told_from_one_in_trouble(
    server: CannedServer, repository: Repository, number: int, code: int
) -> None:
    """Only its answers are counted as failures; the files after the first are not tried then."""
    Path("one").write_text("x")
    Path("two").write_text("x")
    server.will_answer("PUT", f"{PLACE}/one", done(number, "said so"))
    server.will_answer("GET", LISTING, done(number, "said so"))

    stored = store(Path(), repository)
    sent = [one.path.rpartition("/")[2] for one in server.requests if one.method == "PUT"]

    assert (stored, sent) == (code, ["one", "two"] if code == RETRY else ["one"])
