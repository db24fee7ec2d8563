"""Forms as old programs write them (clients.md 1), at every entrance that reads one."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from lgi_protocol import xml
from lgi_server.auth.browser_guard import COOKIE
from tests.server.test_http import exchange
from tests.server.test_repository import new_repository
from tests.support.grid import Grid
from tests.support.pages import Browser

pytestmark = pytest.mark.one_database

LGI_PY = "@$_Th1s_1s_th3_b0und@ry_@$"
LIBCURL = "-" * 24 + "a1b2c3d4e5f60718"
Fields = Mapping[str, str]


@dataclass(frozen=True)
class Post:
    """What is posted where; ``good`` is part of the answer when every field and file was read."""

    target: str
    fields: Fields
    good: str
    file: tuple[str, str, str] | None = None
    headers: Fields = field(default_factory=dict)


def _user(**more: str) -> Fields:
    return {"project": "LGI", "user": "mark@laptop", "groups": "theor", **more}


def call(_grid: Grid) -> Post:
    """A call without files."""
    fields = _user(state="queued", application="", start="0", limit="7")
    return Post("/LGI/interfaces/interface_job_state.php", fields, "<limit> 7 </limit>")


def submit(grid: Grid) -> Post:
    """A call with files."""
    grid.resource()
    fields = _user(application="hello_world", target_resources="any", input="6869", job_specifics="")
    return Post(
        "/LGI/interfaces/interface_submit_job.php",
        fields | {"number_of_uploaded_files": "1"},
        "<file_name> a b.txt </file_name> <size> 8 </size>",
        ("uploaded_file_1", "/home/mark/a b.txt", "contents"),
    )


def bulk(grid: Grid) -> Post:
    """Many submits at once."""
    grid.resource()
    job = '[{"application": "hello_world", "target_resources": "any", "files": [["a", 3], ["b", 5]]}]'
    return Post(
        "/LGI/interfaces/interface_submit_jobs",
        _user(jobs=job, number_of_uploaded_files="1"),
        "<state> queued </state>",
        ("uploaded_file_1", "/tmp/together", "contents"),
    )


def server_call(_grid: Grid) -> Post:
    """A call of a project server: it is refused for its project, so that was read."""
    fields = {"project": "nowhere", "version": "1", "servers": "", "update": ""}
    return Post("/LGI/servers/server_get_update.php", fields, "<number> 4 </number>")


def repository_list(grid: Grid) -> Post:
    """The list of a repository, as LGI.py asks for it."""
    url, _directory = new_repository(grid)
    target = f"{url.rpartition('/')[0].partition(str(grid.port))[2]}/../repository_content.php"
    good = "<number_of_files> 1 </number_of_files>"
    return Post(target, {"repository": url.rpartition("/")[2]}, good)


def repository_post(grid: Grid) -> Post:
    """Many files for a repository."""
    url, _directory = new_repository(grid)
    listed = '[{"name": "a", "size": 3}, {"name": "b", "size": 5}]'
    good = "<message> Uploaded b (5 bytes) </message>"
    target = url.partition(str(grid.port))[2]
    return Post(target, {"files": listed}, good, ("uploaded_file_1", "/tmp/together", "contents"))


def _from_page(grid: Grid, path: str, action: str, more: Fields, good: str, name: str) -> Post:
    browser = Browser(grid)
    fields = {**browser.get(path).fields(action), **more}
    cookie = {"Cookie": f"{COOKIE}={browser.session.cookies[COOKIE]}"}
    target = f"/LGI/basic_interface/LGI/{action or path}"
    return Post(target, fields, good, ("files", name, "contents"), cookie)


def page(grid: Grid) -> Post:
    """The form of the web interface that submits a job."""
    grid.resource()
    more = {"application": "hello_world", "input": "", "read_access": "x"}
    return _from_page(grid, "submit", "", more, "Location: /LGI/basic_interface/LGI/jobs/", "a b.txt")


def page_of_files(grid: Grid) -> Post:
    """The form that adds files to a job."""
    grid.resource()
    job_id = grid.user().submit()
    return _from_page(grid, f"jobs/{job_id}", f"jobs/{job_id}/files", {}, "#files", "a b.txt")


Entrance = Callable[[Grid], Post]
ENTRANCES: Sequence[Entrance] = [
    *(call, submit, bulk, server_call, repository_list, repository_post),
    *(page, page_of_files),
]
OF_TEXT: Sequence[Entrance] = [call, server_call, repository_list]


def _part(boundary: str, described: str, content: str, more: str = "") -> str:
    return f"--{boundary}\r\nContent-Disposition: form-data; {described}\r\n{more}\r\n{content}\r\n"


def request(
    sent: Post,
    boundary: str = LIBCURL,
    quoted: bool = False,
    files_first: bool = False,
    extra: str = "",
    target: str = "",
    kind: str = "multipart/form-data; boundary=",
) -> bytes:
    """The request: parts in their order, empty ones too."""
    parts = [_part(boundary, f'name="{name}"', value) for name, value in sent.fields.items()]
    if sent.file:
        name, path, content = sent.file
        described = f'name="{name}"; filename="{path}"'
        file = _part(boundary, described, content, "Content-Type: application/octet-stream\r\n")
        parts.insert(0 if files_first else len(parts), file)
    body = f"{''.join(parts)}--{boundary}--\r\n".encode()
    shown = f'"{boundary}"' if quoted else boundary
    more = "".join(f"{name}: {value}\r\n" for name, value in sent.headers.items())
    head = (
        f"POST {target or sent.target} HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n"
        f"Content-type: {kind}{shown}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        f"{more}{extra}\r\n"
    )
    return head.encode() + body


entrances = pytest.mark.parametrize("entrance", ENTRANCES, ids=lambda entrance: entrance.__name__)


@entrances
@pytest.mark.parametrize(
    "boundary", [LGI_PY, LIBCURL, "a=b?c/d", "(odd)"], ids=["LGI.py", "libcurl", "equals sign", "brackets"]
)
def test_an_unquoted_boundary_is_read_at_every_entrance(
    grid: Grid, entrance: Entrance, boundary: str
) -> None:
    """LGI.py's has an ``@``, which no token of HTTP may have; the name of its header is ``Content-type``."""
    sent = entrance(grid)

    assert sent.good in exchange(grid, request(sent, boundary))


@entrances
def test_a_quoted_boundary_is_read_at_every_entrance(grid: Grid, entrance: Entrance) -> None:
    """As programs of today write it; a charset behind it is none of its business."""
    sent = entrance(grid)
    written = request(sent, LGI_PY, quoted=True).replace(b'@$"\r\n', b'@$"; charset=utf-8\r\n', 1)

    assert sent.good in exchange(grid, written)


@entrances
def test_a_parameter_behind_an_unquoted_boundary_is_not_part_of_it(grid: Grid, entrance: Entrance) -> None:
    """Another parameter of the header, with a blank before it or none."""
    sent = entrance(grid)
    written = request(sent, LGI_PY).replace(b"@$\r\n", b"@$ ; charset=utf-8\r\n", 1)

    assert sent.good in exchange(grid, written)


@entrances
def test_fields_may_come_behind_the_files_at_every_entrance(grid: Grid, entrance: Entrance) -> None:
    """A dictionary of Python 2 has no order; the C++ programs send the number of files last."""
    sent = entrance(grid)

    assert sent.good in exchange(grid, request(sent, LGI_PY, files_first=True))


@entrances
def test_an_announced_body_is_read_at_every_entrance(grid: Grid, entrance: Entrance) -> None:
    """``Expect: 100-continue``, which libcurl of 2012 sends with more than 1024 bytes."""
    sent = entrance(grid)

    assert sent.good in exchange(grid, request(sent, extra="Expect: 100-continue\r\n"))


@entrances
@pytest.mark.parametrize("form", ["//LGI/x/..{path}", "/LGI/{path}", "https://localhost/LGI{path}"])
def test_an_address_may_be_written_as_old_programs_do(grid: Grid, entrance: Entrance, form: str) -> None:
    """A doubled slash, ``/../`` in the path, and a request target in absolute form."""
    sent = entrance(grid)
    target = form.format(path=sent.target.removeprefix("/LGI"))

    assert sent.good in exchange(grid, request(sent, target=target))


@pytest.mark.parametrize("entrance", OF_TEXT, ids=lambda entrance: entrance.__name__)
def test_an_urlencoded_form_is_read_as_it_is_written(grid: Grid, entrance: Entrance) -> None:
    """Servers post names and versions without percent signs, which ``mark@laptop`` has no need of."""
    sent = entrance(grid)
    body = "&".join(f"{name}={value}" for name, value in sent.fields.items()).encode()
    written = request(sent, kind="application/x-www-form-urlencoded", boundary="")
    head = re.sub(
        rb"Content-Length: \d+", b"Content-Length: %d" % len(body), written.partition(b"\r\n\r\n")[0]
    )

    assert sent.good in exchange(grid, head + b"\r\n\r\n" + body)


@entrances
def test_a_form_that_cannot_be_read_does_nothing(grid: Grid, entrance: Entrance) -> None:
    """A boundary that no part has: nothing is done, and it is no fault of the server."""
    sent = entrance(grid)
    written = re.sub(rb"(boundary=\S+)", rb"\1x", request(sent, LGI_PY), count=1)
    before = len(grid.log.read_text())

    answer = exchange(grid, written)

    assert sent.good not in answer
    assert " 500 " not in answer.partition("\r\n")[0]
    assert "Traceback" not in grid.log.read_text()[before:]


def test_an_announcement_of_no_files_is_accepted(grid: Grid) -> None:
    """LGI.py always says how many files there are, also when there are none."""
    sent = submit(grid)
    bare = Post(sent.target, sent.fields | {"number_of_uploaded_files": "0"}, "<number_of_files> 1 </number")

    assert bare.good in exchange(grid, request(bare, LGI_PY))


def test_a_quote_in_the_name_of_a_file_comes_as_libcurl_writes_it(grid: Grid) -> None:
    """``%22`` is a quote; the directories of the path are none of the name."""
    sent = submit(grid)
    written = request(sent, LGI_PY).replace(b"/home/mark/a b.txt", b"/home/mark/a%22b.txt")

    answer = exchange(grid, written)

    assert xml.value(answer.partition("\r\n\r\n")[2], "LGI", "response", "job", "job_id")
    assert "<file_name> a&quot;b.txt </file_name>" in answer
