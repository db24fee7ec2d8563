"""A submit whose answer is lost makes one job all the same."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from lgi_protocol.backoff import Backoff
from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import TransportError
from lgi_tools.certificates import user_directory
from lgi_tools.certificates.ca import Authority, Issued
from lgi_tools.client import idempotent_submit
from lgi_tools.client.timing import Timing
from lgi_tools.commands.qsub import main
from tests.support.canned_server import Answer, CannedServer, lgi
from tests.support.cutting_proxy import Cut, CuttingProxy, When
from tests.support.grid import Grid

Run = Callable[..., tuple[int, str, str]]
SUBMIT = "interfaces/interface_submit_job"
LIST = "interfaces/interface_project_server_list"
FIELDS = {"project": "LGI", "user": "mark@laptop", "groups": "theor", "application": "app"}
# Half an answer: its connection ends before all of it was there.
LOST = Answer(b"<LGI> <resp", missing=1000)
MADE = lgi("<job> <job_id> 7 </job_id> </job>")


def of_today(content: str = "") -> Answer:
    """What a server answers that remembers requests."""
    return Answer(lgi(content).body.replace(b"1.31.6", b"1.41.0"))


@pytest.fixture
def client(server: CannedServer, mark: Issued, authority: Authority) -> Client:
    """A user's connection to the canned server."""
    return Client(server.url, Credentials(mark.key, mark.certificate, authority.ca_file))


def test_a_lost_answer_is_asked_for_again_with_the_same_id(client: Client, server: CannedServer) -> None:
    """It is repeated with pauses until it is answered; every submit has its own id."""
    server.will_answer_call(SUBMIT, LOST, LOST, MADE)
    server.will_answer_call(LIST, of_today())
    pauses: list[float] = []

    reply = idempotent_submit.submit_once(client, SUBMIT, FIELDS, sleep=pauses.append)
    idempotent_submit.submit_once(client, SUBMIT, FIELDS)

    ids = [request.fields["request_id"] for request in server.requests if "submit" in request.path]
    assert reply.value("job", "job_id") == "7"
    assert pauses == [0.5, 1.0]
    assert (ids[0], len(set(ids)), len(ids)) == (ids[2], 2, 4)


def test_an_old_server_is_not_asked_twice(client: Client, server: CannedServer) -> None:
    """It would create a second job, so the message asks the user to check."""
    server.will_answer_call(SUBMIT, LOST, MADE)
    server.will_answer_call(LIST, lgi(""))

    with pytest.raises(TransportError, match="may be there all the same: look with LGI_qstat"):
        idempotent_submit.submit_once(client, SUBMIT, FIELDS, sleep=lambda _: None)

    assert [request.path.rpartition("_")[2] for request in server.requests] == ["job.php", "list.php"]


def test_a_submit_without_an_answer_in_time_may_have_been_made(client: Client, server: CannedServer) -> None:
    """The message says that the result is unknown."""
    server.will_answer_call(SUBMIT, LOST)
    server.will_answer_call(LIST, of_today())

    with pytest.raises(TransportError, match="may be there all the same"):
        idempotent_submit.submit_once(client, SUBMIT, FIELDS, timing=Timing(retry_seconds=0.4))


@pytest.mark.parametrize("answer", [Answer(b"<html>", 502), Answer(b"")])
def test_a_server_that_is_not_lgis_is_not_tried_again(
    client: Client, server: CannedServer, answer: Answer
) -> None:
    """An answer came, and it is none of LGI's: at once."""
    server.will_answer_call(SUBMIT, answer)

    with pytest.raises(TransportError, match="not an LGI document"):
        idempotent_submit.submit_once(client, SUBMIT, FIELDS)

    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_reported_at_once(client: Client, server: CannedServer) -> None:
    """Nothing was sent, so nothing can have been lost."""
    server.close()

    with pytest.raises(TransportError, match="Connection refused"):
        idempotent_submit.submit_once(client, SUBMIT, FIELDS)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[CuttingProxy]:
    """On the way of every connection that is made from now on."""
    made = CuttingProxy()
    yield made
    made.close()


@pytest.mark.parametrize("when", list(When))
def test_a_submit_cut_anywhere_makes_one_job_or_none(
    run: Run,
    grid: Grid,
    proxy: CuttingProxy,
    when: When,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """LGI_qsub says which: 0 for one, 1 for none; a submit that has arrived is always one."""
    grid.resource()
    issued = grid.people.user("mark@laptop", ("theor",))
    ca_file = grid.people.authority.ca_file
    user_directory.write(
        tmp_path / "LGI",
        issued,
        ca_file,
        user="mark@laptop",
        groups=("theor",),
        server=grid.url,
        project="LGI",
    )
    Path("in.txt").write_text("contents")
    hurried = partial(main, timing=Timing(submit=Backoff(0.01, 8.0)))
    monkeypatch.setenv("https_proxy", proxy.url)
    codes = []
    for turn in range(20):
        proxy.cut = Cut(turn, when)
        before = len(grid.rows("SELECT job_id FROM job_queue"))

        code, out, _err = run(hurried, "-c", str(tmp_path / "LGI"), "-a", "hello_world", "in.txt")

        made = len(grid.rows("SELECT job_id FROM job_queue")) - before
        assert made == (code == 0), (turn, out)
        codes.append(code)
        if not proxy.cut.done:
            break

    # The last one was not cut; before it the submit itself was, which has to be repeated.
    assert codes[-2:] == [0, 0]
