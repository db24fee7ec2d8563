"""Downloads that were cut and go on, and what a person sees of a long one."""

import io
import os
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lgi_protocol.backoff import Backoff
from lgi_tools.cli.progress import ProgressBar
from lgi_tools.client import resumable_download
from lgi_tools.client.timing import Timing
from lgi_tools.commands import filetransfer
from tests.support.canned_server import Answer, CannedServer, Request

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

main = partial(filetransfer.main, timing=Timing(download=Backoff(0.0, 0.0), download_retries=2))
Run = Callable[..., tuple[int, str, str]]
PLACE = "/repository/eff/JOB_75d8f2efe814c75e102a012925e8ceff"
CONTENT = os.urandom(2_000_000)


class Versions:
    """A file on the canned server that is cut after so many bytes, each time it is asked for."""

    def __init__(
        self, server: CannedServer, *cuts: int, content: bytes = CONTENT, mark: str = '"v1"'
    ) -> None:
        self.content, self.mark, self.cuts = content, mark, list(cuts)
        self.asked: list[str] = []
        server.answer = self.answer  # type: ignore[method-assign]

    def answer(self, request: Request) -> Answer:
        """As a server with ranges does."""
        asked = request.headers.get("range", "")
        self.asked.append(asked)
        begin = 0
        if request.headers.get("if-range") == self.mark:
            begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index]
        headers = {"ETag": self.mark}
        if asked and begin >= len(self.content):
            return Answer(b"no", 416, headers=headers | {"Content-Range": f"bytes */{len(self.content)}"})
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}"
        body = self.content[begin:]
        cut = body[: self.cuts.pop(0)] if self.cuts else body
        return Answer(cut, 206 if begin else 200, len(body) - len(cut), headers)


@pytest.fixture
def url(server: CannedServer) -> str:
    """The repository on the canned server."""
    return server.url + PLACE


def test_a_cut_download_goes_on_at_once(run: Run, server: CannedServer, url: str) -> None:
    """It continues where it stopped, without a message."""
    file = Versions(server, 700_000, 600_000)

    code, _, err = run(main, "download", url, "data")

    assert (code, err) == (0, "")
    assert Path("data").read_bytes() == CONTENT
    assert file.asked == ["", "bytes=700000-", "bytes=1300000-"]
    assert os.listdir() == ["data"]


def test_a_later_run_goes_on(run: Run, server: CannedServer, url: str) -> None:
    """Until all is there nothing has the file's name, and the old one stays."""
    file = Versions(server, 700_000, 0)
    Path("data").write_text("old")

    first, _, _ = run(main, "download", url, "data")
    before = Path("data").read_text()
    second, _, _ = run(main, "download", url, "data")

    assert (first, before, second) == (1, "old", 0)
    assert file.asked[-1] == "bytes=700000-"
    assert Path("data").read_bytes() == CONTENT
    assert os.listdir() == ["data"]


def test_a_download_that_was_killed_at_its_end_is_complete(run: Run, server: CannedServer, url: str) -> None:
    """All bytes were there, only the name was not."""
    file = Versions(server)
    Path(".data.part").mkdir(mode=0o700)
    Path(".data.part/v1").write_bytes(CONTENT)

    code, _, _ = run(main, "download", url, "data")

    assert (code, file.asked) == (0, ["bytes=2000000-"])
    assert Path("data").read_bytes() == CONTENT


@pytest.mark.parametrize("size", [10, 1_500_000])
def test_two_versions_are_never_glued_together(run: Run, server: CannedServer, url: str, size: int) -> None:
    """A file that changed meanwhile is fetched from its start, also a shorter one."""
    file = Versions(server, 700_000, 0)
    run(main, "download", url, "data")
    file.content, file.mark = b"n" * size, '"v2"'

    code, _, _ = run(main, "download", url, "data")

    assert code == 0
    assert Path("data").read_bytes() == b"n" * size
    assert os.listdir() == ["data"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"rest", 206, headers={"ETag": '"v2"', "Content-Range": "bytes 700000-700003/700004"}),
        Answer(b"rest", 206, headers={"ETag": '"v1"', "Content-Range": "bytes 0-3/4"}),
        Answer(b"no", 416, headers={"Content-Range": "bytes */700000"}),
    ],
)
def test_an_answer_that_does_not_fit_is_not_used(
    run: Run, server: CannedServer, url: str, answer: Answer
) -> None:
    """A server that takes no notice of If-Range is asked for the whole file."""
    Path(".data.part").mkdir(mode=0o700)
    Path(".data.part/v1").write_bytes(b"x" * 700_000)
    server.will_answer("GET", f"{PLACE}/data", answer, Answer(b"whole"))

    code, _, _ = run(main, "download", url, "data")

    assert code == 0
    assert Path("data").read_bytes() == b"whole"
    assert os.listdir() == ["data"]


def test_parts_that_others_can_put_there_are_not_used(run: Run, server: CannedServer, url: str) -> None:
    """The directory is writable for others, as /tmp."""
    Path(".data.part").mkdir()
    Path(".data.part").chmod(0o777)
    Path(".data.part/v1").write_bytes(b"evil")
    file = Versions(server)

    code, _, _ = run(main, "download", url, "data")

    assert (code, file.asked) == (0, [""])
    assert Path("data").read_bytes() == CONTENT


def test_two_downloads_of_a_file_do_not_mix() -> None:
    """The second leaves the first one's parts alone; both end well."""
    here = Path()
    first, second = (
        resumable_download.ResumableDownload(here / "data"),
        resumable_download.ResumableDownload(here / "data"),
    )
    for each in (first, second):
        each.start('"v1"', 2_000_000)
    first.write(b"one")
    second.write(b"two")

    first.finish()
    first.close()
    seen = (here / "data").read_bytes()
    second.finish()
    second.close()

    assert (seen, (here / "data").read_bytes()) == (b"one", b"two")
    assert os.listdir() == ["data"]


def test_a_long_name_has_room_for_its_parts(run: Run, server: CannedServer, url: str) -> None:
    """255 bytes are the most a name can have."""
    name = "ü" * 127
    Versions(server, 700_000)

    assert run(main, "download", url, name)[0] == 0
    assert os.listdir() == [name]


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_long_transfer_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar on standard error after a second; none when it was done before."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    now = [0.0]
    long, short = ProgressBar("data", lambda: now[0]), ProgressBar("short", lambda: now[0])

    short(100, 100)
    long(10, 100)
    now[0] = 1.5
    long(50, 100)
    long(100, 100)
    long.close()
    short.close()

    shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "data" in shown
    assert "100%" in shown
    assert "short" not in shown


def test_a_file_or_a_program_gets_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """Only a terminal does."""
    bar = ProgressBar("data", iter([0.0, 9.0, 9.0]).__next__)
    bar(50, 100)
    bar.close()

    assert capsys.readouterr().err == ""
