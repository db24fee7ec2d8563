"""Requests that try to pass for others: two in one, of another host, of another session, sent again."""

from urllib.parse import urlencode

import pytest

from lgi_protocol.errors import ServerError
from tests.server.test_http import LIST, exchange, post
from tests.support.grid import Grid, refusal

pytestmark = pytest.mark.one_database

DELETE = "/LGI/interfaces/interface_delete_job.php"
# The head of a request whose end two readers would look for at different places.
FRAMINGS = {
    "length and chunks": "Content-Length: {size}\r\nTransfer-Encoding: chunked\r\n",
    "chunks and length": "Transfer-Encoding: chunked\r\nContent-Length: {size}\r\n",
    "two lengths": "Content-Length: 5\r\nContent-Length: {size}\r\n",
    "a length that is a list": "Content-Length: 5, {size}\r\n",
    "an unknown coding": "Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n",
    "a blank before the colon": "Content-Length: 5\r\nTransfer-Encoding : chunked\r\n",
    "a signed length": "Content-Length: +5\r\n",
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_request_whose_end_is_unclear_hides_no_second_one(grid: Grid, framing: str) -> None:
    """Request smuggling: it is refused and closed, what follows in it is not carried out."""
    grid.resource()
    job_id = grid.user().submit()
    fields = {"project": "LGI", "user": "mark@laptop", "groups": "theor", "job_id": str(job_id)}
    hidden = b"0\r\n\r\n" + post(DELETE, urlencode(fields).encode())
    lengths = FRAMINGS[framing].format(size=len(hidden))
    head = f"POST {LIST} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n{lengths}\r\n"

    answer = exchange(grid, head.encode() + hidden)

    assert answer.count("HTTP/1.1 ") == 1
    assert "number_of_jobs" not in answer
    assert grid.user().state(job_id) == "queued"


def test_the_host_that_a_client_names_decides_nothing(grid: Grid) -> None:
    """Addresses in answers are those of the configuration, whatever the request says of itself."""
    grid.resource()
    fields = {
        "project": "LGI",
        "user": "mark@laptop",
        "groups": "theor",
        "application": "hello_world",
        "target_resources": "any",
    }
    lies = "X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\nX-Host: evil.example\r\n"
    request = post("/LGI/interfaces/interface_submit_job.php", urlencode(fields).encode(), extra=lies)

    answer = exchange(grid, request.replace(b"Host: localhost", b"Host: evil.example", 1))

    assert f"{grid.url}/repository/" in answer
    assert "evil.example" not in answer


def test_a_request_that_is_sent_again_after_the_sign_off_is_refused(grid: Grid) -> None:
    """Error 16, and the job is as it was: a captured request is worth nothing without its session."""
    resource = grid.resource()
    job_id = grid.user().submit()
    resource.lock(str(job_id))
    captured = resource.session_id
    resource.sign_off()
    resource.session_id = captured

    for call in (
        lambda: resource.lock(str(job_id)),
        lambda: resource.update(str(job_id), state="running"),
        lambda: resource.unlock(str(job_id)),
        lambda: resource.request_work("hello_world", 0, 1),
    ):
        assert refusal(call) == 16
    assert grid.user().state(job_id) == "queued"
    assert grid.rows("SELECT lock_id FROM running_locks") == []


def test_a_guessed_session_is_refused_in_the_words_for_no_session(grid: Grid) -> None:
    """Whether a number is the session of somebody else is not told."""
    one, two = grid.resource("res1@cluster"), grid.resource("res2@cluster")
    own, unused = int(one.session_id), "999999999"
    said = {}

    for guess in (two.session_id, str(own + 2), unused):
        one.session_id = guess
        with pytest.raises(ServerError) as refused:
            one.lock("1")
        said[guess] = str(refused.value).replace(guess, "N")

    assert len(set(said.values())) == 1


def test_a_form_of_a_million_fields_is_refused(grid: Grid) -> None:
    """Error 65, and the worker answers the next call."""
    body = b"&".join([b"field=1"] * 10**6)

    answer = exchange(grid, post(LIST, body))

    assert "<number> 65 </number>" in answer
    assert grid.user().post("interface_job_state").value("number_of_jobs") == "0"
