"""Transfers of files as the programs of LGI 1.31 make them."""

import socket
from pathlib import Path

import pytest

from lgi_protocol import xml
from tests.server.test_http import exchange
from tests.server.test_repository import new_repository
from tests.support.grid import Grid

pytestmark = pytest.mark.one_database

FORMS = {
    "LGI_filetransfer": "{path}",
    "LGI.py": "https://localhost{path}",
    "LGI.py, a port in the URL": "https://localhost:8443{path}",
    "a slash at the end of the server's URL": "/{path}",
    "two slashes": "{directory}//{file}",
    "a path with dots": "{directory}/../{name}/{file}",
}


def asked(grid: Grid, method: str, target: str, body: bytes = b"", extra: str = "") -> tuple[int, str]:
    """The HTTP status and the body of an answer to a request by hand."""
    length = f"Content-Length: {len(body)}\r\n" if body or method == "PUT" else ""
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: close\r\n"
    answer = exchange(grid, f"{head}{length}{extra}\r\n".encode() + body)
    while answer.startswith("HTTP/1.1 100"):
        answer = answer.partition("\r\n\r\n")[2]
    first, _, rest = answer.partition("\r\n")
    return int(first.split()[1]), rest.partition("\r\n\r\n")[2]


def place(grid: Grid) -> tuple[str, Path]:
    """The path of a new repository's address, and its directory."""
    url, directory = new_repository(grid)
    return url.partition(f":{grid.port}")[2], directory


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_file_goes_up_comes_back_and_goes_by_any_form_of_its_address(grid: Grid, form: str) -> None:
    """Success is the number 200 in the body, as these programs look for it."""
    path, directory = place(grid)
    target = form.format(path=f"{path}/data", directory=path, name=directory.name, file="data")

    put = asked(grid, "PUT", target, b"contents")
    got = asked(grid, "GET", target)
    deleted = asked(grid, "DELETE", target)

    assert [xml.value(answer, "status", "number") for _, answer in (put, deleted)] == ["200", "200"]
    assert got == (200, "contents")
    assert not (directory / "data").exists()


def test_a_put_with_expect_is_stored(grid: Grid) -> None:
    """libcurl announces every file that is not empty, LGI.py none."""
    path, directory = place(grid)

    for extra in ("Expect: 100-continue\r\n", ""):
        _status, answer = asked(grid, "PUT", f"{path}/data", extra.encode(), extra)
        assert xml.value(answer, "status", "number") == ("200")
        assert (directory / "data").read_bytes() == extra.encode()


def test_a_put_whose_body_comes_later_is_stored(grid: Grid) -> None:
    """LGI.py sends the head first, then the file, piece by piece."""
    path, directory = place(grid)
    context = grid.people.credentials(grid.people.user("mark@laptop", ("theor", "cyttron"))).context()
    with (
        socket.create_connection(("127.0.0.1", grid.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.settimeout(60)
        head = f"PUT https://localhost{path}/data HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
        for piece in (head.encode(), b"one", b"two", b"six"):
            connection.sendall(piece)
        answer = ""
        while "</status>" not in answer and (block := connection.recv(65536)):
            answer += block.decode()

    assert "<number> 200 </number>" in answer
    assert (directory / "data").read_bytes() == b"onetwosix"


@pytest.mark.parametrize(
    "name",
    ["a&b", "a+b", "a=b;c", "x,y", "~file", "(1)[2]{3}", "größe.txt", "日本", "it's", "100%", "a|b^c`d"],
)
def test_a_name_that_nobody_has_encoded_is_found(grid: Grid, name: str) -> None:
    """They write names into the address as they are: whatever survives that is the file's name."""
    path, directory = place(grid)

    put = asked(grid, "PUT", f"{path}/{name}", b"contents")

    assert xml.value(put[1], "status", "number") == "200", put
    assert (directory / name).read_bytes() == b"contents"
    assert asked(grid, "GET", f"{path}/{name}") == (200, "contents")
    assert asked(grid, "DELETE", f"{path}/{name}")[0] == 200


def test_a_name_that_is_not_utf_8_is_refused_with_its_reason(grid: Grid) -> None:
    """The reason is in a document that these programs can parse, and nothing is stored."""
    path, directory = place(grid)
    before = list(directory.iterdir())
    head = f"PUT {path}/Gr\xf6\xdfe HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"

    answer = exchange(grid, head.encode("latin-1")).partition("\r\n\r\n")[2]

    assert xml.value(answer, "status", "number") == "400"
    assert xml.value(answer, "status", "message")
    assert list(directory.iterdir()) == before


def test_an_address_with_a_question_mark_ends_there(grid: Grid) -> None:
    """As LGI: the rest is a query, so the name ends before it (clients.md 12.4 C5)."""
    path, directory = place(grid)

    put = asked(grid, "PUT", f"{path}/a?b", b"contents")

    assert xml.value(put[1], "status", "number") == "200"
    assert (directory / "a").read_bytes() == b"contents"


@pytest.mark.parametrize(
    "form",
    [
        "{base}/repository_content.php",
        "{base}/{fan}/../repository_content.php",
        "//{base}/x/../y/../repository_content.php",
    ],
)
@pytest.mark.parametrize("server", ["", "https://localhost"])
def test_a_list_is_found_by_any_form_of_its_address(grid: Grid, form: str, server: str) -> None:
    """Older libraries do not remove dot segments."""
    path, directory = place(grid)
    target = server + form.format(base="/LGI/repository", fan=directory.parent.name).replace("///", "//")

    status, answer = asked(grid, "GET", f"{target}?repository={directory.name}")

    assert status == 200
    assert xml.value(answer, "repository_content", "number_of_files") == "1"
    assert path.endswith(directory.name)
