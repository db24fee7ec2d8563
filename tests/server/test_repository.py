"""Repositories over the same server: GET, PUT, DELETE and listing."""

import os
import socket
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from lgi_protocol import xml
from tests.support.grid import Grid, UserCalls, wait_for

pytestmark = pytest.mark.one_database

ACCESS = ".LGI_repository_write_access"


def new_repository(grid: Grid, **fields: str) -> tuple[str, Path]:
    """The address and the directory of a new job's repository."""
    grid.resource()
    reply = grid.user().post(
        "interface_submit_job", **({"application": "hello_world", "target_resources": "any"} | fields)
    )
    url = reply.value("job", "job_specifics", "repository_url")
    return url, grid.config.repository / url[-40:-37] / url[-36:]


def ask(user: UserCalls, method: str, url: str, data: object = None, **headers: str) -> requests.Response:
    """One request with the user's certificate, the address exactly as given."""
    session = user.client.session
    request = requests.Request(method, "https://x/", data=data, headers=headers)  # type: ignore[arg-type]
    prepared = session.prepare_request(request)
    prepared.url = url
    return session.send(prepared, verify=session.verify)


def listing(user: UserCalls, grid: Grid, name: str) -> str:
    """The files of a repository, as text."""
    return ask(user, "GET", f"{grid.url}/repository/repository_content.php?repository={name}").text


def test_a_file_goes_up_is_listed_comes_back_and_goes(grid: Grid) -> None:
    """PUT and DELETE answer a status document whose number is the HTTP status."""
    url, directory = new_repository(grid)
    user = grid.user()

    put = ask(user, "PUT", f"{url}/a%20b%26%3F.bin", b"\x00\xff data")
    listed = listing(user, grid, directory.name)
    got = ask(user, "GET", f"{url}/a%20b%26%3F.bin")
    deleted = ask(user, "DELETE", f"{url}/a%20b%26%3F.bin")
    gone = ask(user, "GET", f"{url}/a%20b%26%3F.bin")

    assert xml.value(put.text, "status", "number") == "200"
    assert f"<repository_name> {directory.name} </repository_name>" in listed
    assert '<file number="2"> <file_name> a b&amp;?.bin </file_name> <size> 7 </size>' in listed
    assert got.content == b"\x00\xff data"
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert (deleted.status_code, xml.value(deleted.text, "status", "number")) == (200, "200")
    assert gone.status_code == 404


@pytest.mark.parametrize("name", ["€", "日本.txt", "Ω😀", 'q"uote;x', "größe", "two\nlines\n", "\n", "\tx"])
def test_a_file_of_any_name_comes_back(grid: Grid, name: str) -> None:
    """Names beyond Latin-1, quotes and semicolons are no matter for headers."""
    url, _ = new_repository(grid)

    put = ask(grid.user(), "PUT", f"{url}/{quote(name)}", b"x")
    got = ask(grid.user(), "GET", f"{url}/{quote(name)}")

    assert (put.status_code, got.status_code, got.content) == (200, 200, b"x")
    assert got.headers["Content-Disposition"].endswith(quote(name, safe=""))


def test_a_certificate_of_another_project_sees_no_repository(grid: Grid) -> None:
    """The certificate's projects count here too, for administrators and owners alike."""
    url, directory = new_repository(grid)
    (directory / "file").write_text("x")
    boss = grid.people.user("boss@x", ("admin",), ("OTHER",))
    outside = UserCalls(grid.client(boss), "boss@x", "admin")

    statuses = [ask(outside, method, f"{url}/file", b"y").status_code for method in ("GET", "PUT", "DELETE")]

    assert statuses == [403, 403, 403]
    assert (directory / "file").read_text() == "x"


def test_an_empty_file_can_be_stored(grid: Grid) -> None:
    """A PUT of no bytes makes a file of no bytes."""
    url, directory = new_repository(grid)

    assert ask(grid.user(), "PUT", f"{url}/empty", b"").status_code == 200
    assert (directory / "empty").read_bytes() == b""


def test_a_chunked_put_is_stored(grid: Grid) -> None:
    """Without a Content-Length the body ends with its last chunk."""
    url, directory = new_repository(grid)

    answer = ask(grid.user(), "PUT", f"{url}/chunked", iter([b"one ", b"two"]))

    assert answer.status_code == 200
    assert (directory / "chunked").read_bytes() == b"one two"


def test_a_listing_is_found_by_old_addresses(grid: Grid) -> None:
    """GET and POST, with /../ in the path as old clients leave it, by any reader of the job."""
    url, directory = new_repository(grid, read_access="chem")
    frank = grid.user("frank@desk", ("chem",))
    parent = url.rpartition("/")[0]

    by_get = ask(frank, "GET", f"{parent}/../repository_content.php?repository={directory.name}").text
    by_post = ask(
        frank,
        "POST",
        f"{parent}/../repository_content.php",
        f"repository={directory.name}",
        **{"Content-Type": "application/x-www-form-urlencoded"},
    ).text

    assert by_get == by_post
    assert "<number_of_files> 1 </number_of_files>" in by_get


@pytest.mark.parametrize("name", ["", "JOB_" + "0" * 32, "<b>../../etc</b>", "..", "JOB_" + "g" * 32])
def test_an_invalid_name_of_a_repository_has_no_files(grid: Grid, name: str) -> None:
    """An invalid name is not echoed."""
    text = listing(grid.user(), grid, name)

    assert "<number_of_files> 0 </number_of_files>" in text
    assert "etc" not in text


@pytest.mark.parametrize(("method", "data"), [("PUT", b"x"), ("DELETE", None)])
def test_a_write_needs_a_name_in_the_access_file(grid: Grid, method: str, data: bytes | None) -> None:
    """Users, groups and administrators in the list may; others do not learn that there is the file."""
    url, directory = new_repository(grid, write_access="chem")
    (directory / "file").write_text("old")

    refused = ask(grid.user("eve@desk", None), method, f"{url}/file", data)
    by_group = ask(grid.user("frank@desk", ("chem",)), method, f"{url}/file", data)
    ask(grid.user(), "PUT", f"{url}/file", b"again")
    by_admin = ask(grid.user("root@admin", ("admin",)), method, f"{url}/file", data)

    assert (refused.status_code, by_group.status_code, by_admin.status_code) == (404, 200, 200)
    assert str(directory) not in refused.text


def test_a_resource_writes_the_repositories_of_its_jobs_only(grid: Grid) -> None:
    """The targets of the job may write; another resource and an unregistered one may not."""
    url, _ = new_repository(grid, target_resources="res1@cluster")
    grid.resource("res2@cluster")

    def put(name: str) -> int:
        client = grid.client(grid.people.resource(name))
        return ask(UserCalls(client, name, ""), "PUT", f"{url}/result", b"x").status_code

    assert [put(f"res{number}@cluster") for number in (1, 2, 3)] == [200, 404, 404]


HOSTILE = [
    "..%2f..%2fLGI_server.cfg",
    "%2e%2e/%2e%2e/LGI_server.cfg",
    "../../../LGI_server.cfg",
    ".%00",
    "a/b",
    ACCESS,
    ".LGI_x",
    "x%0d%0aSet-Cookie:%20a",
    "n" * 256,
    "%ff",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(("method", "data"), [("PUT", b"evil"), ("DELETE", None)])
def test_no_name_leads_out_of_a_repository(grid: Grid, method: str, data: bytes | None, name: str) -> None:
    """Nothing is written or removed, LGI's own file least of all."""
    url, directory = new_repository(grid)
    before = {path: path.read_bytes() for path in grid.directory.rglob("*") if is_settled(path)}

    answer = ask(grid.user(), method, f"{url}/{name}", data)

    after = {path: path.read_bytes() for path in grid.directory.rglob("*") if is_settled(path)}
    assert answer.status_code >= 400
    assert "Set-Cookie" not in answer.headers
    assert after == before
    assert (directory / ACCESS).read_text() == "admin, mark@laptop"


@pytest.mark.parametrize("name", ["a%0db", "a%0d", "%0d%0a", "a%0a%1b", "a%00b"])
@pytest.mark.parametrize(("method", "data"), [("PUT", b"x"), ("DELETE", None)])
def test_a_name_with_a_control_character_is_refused_with_its_reason(
    grid: Grid, method: str, data: bytes | None, name: str
) -> None:
    """The reason is in a status document, not on a page for an unknown address."""
    url, _ = new_repository(grid)

    answer = ask(grid.user(), method, f"{url}/{name}", data)

    assert (answer.status_code, xml.value(answer.text, "status", "number")) == (400, "400")
    assert "This is not a valid file name" in xml.value(answer.text, "status", "message")


def test_a_missing_or_foreign_file_is_refused_in_whole_sentences(grid: Grid) -> None:
    """A file, a repository, and one that the caller may not know of."""
    url, _ = new_repository(grid)
    user, other = grid.user(), grid.user("frank@desk", ("chem",))

    def said(who: UserCalls, method: str, address: str) -> str:
        return xml.value(ask(who, method, address, b"").text, "status", "message")

    assert said(user, "GET", f"{url}/x") == "There is no such file"
    assert said(user, "PUT", f"{url[:-33]}{'0' * 30}{url[-3:]}/x") == "There is no such repository"
    assert said(other, "PUT", f"{url}/x") == "There is no such repository"


def is_settled(path: Path) -> bool:
    """A file that requests alone do not change: no log, no database."""
    return path.is_file() and path.suffix != ".log" and "sqlite" not in path.name


@pytest.mark.parametrize("name", ["..%2f..%2f..%2fLGI_server.cfg", "link", "directory", "pipe", "linked/x"])
def test_only_plain_files_are_read(grid: Grid, name: str) -> None:
    """No link is followed, no pipe opened, no directory shown."""
    url, directory = new_repository(grid)
    (directory / "link").symlink_to(grid.config_file)
    (directory / "linked").symlink_to("/etc")
    (directory / "directory").mkdir()
    os.mkfifo(directory / "pipe")

    answer = ask(grid.user(), "GET", f"{url}/{name}")

    assert answer.status_code == 404
    assert "<number_of_files> 1 </number_of_files>" in listing(grid.user(), grid, directory.name)


def test_a_put_replaces_a_link_and_not_what_it_points_to(grid: Grid, tmp_path: Path) -> None:
    """The file is renamed into its place, and a link there is never opened."""
    url, directory = new_repository(grid)
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (directory / "link").symlink_to(precious)

    ask(grid.user(), "PUT", f"{url}/link", b"new")

    assert precious.read_text() == "precious"
    assert (directory / "link").read_bytes() == b"new"
    assert not (directory / "link").is_symlink()


def test_a_body_cut_short_leaves_the_old_file(grid: Grid) -> None:
    """A partial file is never visible, and nothing is left in the incoming directory."""
    url, directory = new_repository(grid)
    (directory / "file").write_text("whole")
    path = url.partition(f":{grid.port}")[2]
    context = grid.people.credentials(grid.people.user("mark@laptop", ("theor", "cyttron"))).context()

    with (
        socket.create_connection(("127.0.0.1", grid.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        head = f"PUT {path}/file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)

    wait_for(lambda: list((grid.config.repository / ".incoming").iterdir()) == [])
    assert (directory / "file").read_text() == "whole"


def test_readers_see_the_old_file_or_the_new_one(grid: Grid) -> None:
    """Uploads are atomic: temporary file, rename."""
    url, _ = new_repository(grid)
    user, reader = grid.user(), grid.user()
    versions = [bytes([letter]) * 200_000 for letter in (65, 66)]
    ask(user, "PUT", f"{url}/file", versions[0])
    done = threading.Event()

    def write() -> None:
        for number in range(30):
            ask(user, "PUT", f"{url}/file", versions[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set():
        seen.append(ask(reader, "GET", f"{url}/file").content)
    writer.join()

    assert set(seen) <= set(versions)


def test_a_range_of_a_file_is_answered(grid: Grid) -> None:
    """Downloads need it to continue after an interruption."""
    url, _ = new_repository(grid)
    user = grid.user()
    ask(user, "PUT", f"{url}/file", bytes(range(100)))

    answer = ask(user, "GET", f"{url}/file", Range="bytes=90-")

    assert (answer.status_code, answer.content) == (206, bytes(range(90, 100)))
    assert answer.headers["Content-Range"] == "bytes 90-99/100"


def test_a_download_goes_on_only_with_the_same_version(grid: Grid) -> None:
    """If-Range: what is missing of the version the mark is of, else the whole new one."""
    url, _ = new_repository(grid)
    user = grid.user()
    ask(user, "PUT", f"{url}/file", b"a" * 100)
    mark = ask(user, "GET", f"{url}/file").headers["ETag"]

    same = ask(user, "GET", f"{url}/file", **{"Range": "bytes=90-", "If-Range": mark})
    done = ask(user, "GET", f"{url}/file", **{"Range": "bytes=100-", "If-Range": mark})
    ask(user, "PUT", f"{url}/file", b"b" * 100)
    other = ask(user, "GET", f"{url}/file", **{"Range": "bytes=90-", "If-Range": mark})

    assert (same.status_code, same.content, same.headers["ETag"]) == (206, b"a" * 10, mark)
    assert (done.status_code, done.headers["Content-Range"]) == (416, "bytes */100")
    assert done.headers["ETag"] == mark
    assert (other.status_code, other.content) == (200, b"b" * 100)
    assert other.headers["ETag"] != mark
