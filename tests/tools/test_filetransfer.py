"""LGI_filetransfer against a server."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.certificates import user_directory
from lgi_tools.certificates.ca import Authority, Issued
from lgi_tools.commands.filetransfer import main
from tests.support.canned_server import Answer, CannedServer
from tests.support.grid import PROJECT, Grid

from .test_tools_settings import write_job

pytestmark = pytest.mark.one_database

Run = Callable[..., tuple[int, str, str]]
NAME = "JOB_75d8f2efe814c75e102a012925e8ceff"
PLACE = f"/repository/eff/{NAME}"
LISTING = f"/repository/repository_content.php?repository={NAME}"
FILES = (
    '<file number="1"> <file_name> a &amp; b.txt </file_name> <size> 24 </size> '
    "<date> 1350000000.5000000000 </date> </file> "
    '<file number="2"> <file_name> a_name_that_is_longer_than_its_column.dat </file_name> '
    "<size> 123456789 </size> <date> 1350000001 </date> </file> <number_of_files> 2 </number_of_files>"
)


def done(number: int, message: str, status: int = 0) -> Answer:
    text = f"<status> <number> {number} </number> <message> {message} </message> </status>\n"
    return Answer(text.encode(), status or number)


def listing(content: str) -> Answer:
    return Answer(f"<repository_content> {content} </repository_content> \n".encode())


@pytest.fixture
def url(server: CannedServer) -> str:
    """The repository on the canned server."""
    return server.url + PLACE


def test_files_are_listed_in_columns(run: Run, server: CannedServer, url: str) -> None:
    """Name, size, date; the listing is asked one level above, with the dots of the path resolved."""
    server.will_answer("GET", LISTING, listing(f"<repository_name> {NAME} </repository_name> {FILES}"))

    answer = run(main, "list", url)

    assert answer == (
        0,
        "\n"
        "a & b.txt                              24 Fri Oct 12 00:00:00 2012 [1350000000]\n"
        "a_name_that_is_longer_than_its_column.dat 123456789 Fri Oct 12 00:00:01 2012 [1350000001]\n"
        "\n",
        "",
    )


def test_an_empty_repository_lists_nothing(run: Run, server: CannedServer, url: str) -> None:
    """As LGI: no line is printed, and with -x one line of XML."""
    server.will_answer("GET", LISTING, listing(""))

    assert run(main, "list", url) == (0, "", "")
    assert run(main, "-x", "list", url) == (0, " <number_of_files> 0 </number_of_files>\n", "")


@pytest.mark.parametrize("words", [(), ("-x",), ("--json",)])
def test_a_repository_that_is_not_there_is_not_an_empty_one(
    run: Run, grid: Grid, home: Path, words: tuple[str, ...]
) -> None:
    """Nor is one that the user may not read; a server answers for a file what it does not say in a list."""
    people, eve = grid.people, grid.user("eve@desk", ("chem",))
    grid.resource()
    shutil.rmtree(home / ".LGI")
    user_directory.write(
        home / ".LGI",
        people.user("mark@laptop", ("theor",)),
        people.authority.ca_file,
        user="mark@laptop",
        groups=("theor",),
        server=grid.url,
        project=PROJECT,
    )
    fields = {"application": "hello_world", "target_resources": "any"}
    mine, eves = (
        user.post("interface_submit_job", **fields).value("job", "job_specifics", "repository_url")
        for user in (grid.user(), eve)
    )
    unknown = f"{grid.url}/repository/000/JOB_{'0' * 32}"

    answers = [run(main, *words, "list", address) for address in (mine, eves, unknown)]

    assert [code for code, _, _ in answers] == [0, 1, 1]
    assert answers[0][2] == ""
    reason = "there is no such repository, or you may not read it"
    fault = json.dumps({"error": {"number": None, "message": reason}})
    for url, (_, out, err) in zip((eves, unknown), answers[1:], strict=True):
        assert err == f"LGI_filetransfer: cannot list {url}: {reason}\n"
        assert out == (f"{fault}\n" if words == ("--json",) else "")


def test_a_raw_list_is_the_content(run: Run, server: CannedServer, url: str) -> None:
    """Trimmed, without the outer tag."""
    server.will_answer("GET", LISTING, listing(FILES))

    assert run(main, "list", url, "-x") == (0, f"{FILES}\n", "")


def test_an_answer_that_is_no_listing_is_a_failure(run: Run, server: CannedServer, url: str) -> None:
    """An error page is not an empty repository."""
    code, out, err = run(main, "list", url)

    assert (code, out) == (1, "")
    assert "answered HTTP 404 Not Found and no listing of a repository" in err


def test_a_download_becomes_the_file_that_was_typed(run: Run, server: CannedServer, url: str) -> None:
    """A path names the local file and its last part the one in the repository."""
    content = os.urandom(700_000)
    server.will_answer("GET", f"{PLACE}/data.bin", Answer(content, headers={"Content-Encoding": "gzip"}))
    Path("sub").mkdir()

    answer = run(main, "download", url, "sub/data.bin")

    assert answer == (0, f"\nDownloaded from '{url}/data.bin' ...\n\n", "")
    assert Path("sub/data.bin").read_bytes() == content
    assert os.listdir("sub") == ["data.bin"]


@pytest.mark.parametrize(
    "answer",
    [Answer(b"gone", 404), Answer(b"half", missing=100), Answer(b"", 301, headers={"Location": "/"})],
)
def test_a_failed_download_leaves_the_local_file(
    run: Run, server: CannedServer, url: str, answer: Answer
) -> None:
    """Neither an error page nor a partial file replaces it, and no temporary file is left."""
    server.will_answer("GET", f"{PLACE}/result", answer)
    Path("result").write_text("from before")

    code, out, err = run(main, "download", url, "result")

    assert code == 1
    assert out == f"\nError downloading from '{url}/result' ...\n\n"
    assert err.startswith("LGI_filetransfer: result: ")
    assert Path("result").read_text() == "from before"
    assert os.listdir() == ["result"]


def test_a_refused_download_says_why_in_the_servers_words(run: Run, server: CannedServer, url: str) -> None:
    """The server's message distinguishes cases that have the same HTTP status."""
    body = b"<status> <number> 404 </number> <message> There is no such file </message> </status>"
    server.will_answer("GET", f"{PLACE}/result", Answer(body, 404))

    assert run(main, "download", url, "result")[2] == "LGI_filetransfer: result: There is no such file\n"


def test_a_downloaded_file_has_the_users_permissions(run: Run, server: CannedServer, url: str) -> None:
    """A new file follows the umask, a replaced one keeps its permissions, and links are followed."""
    server.will_answer("GET", f"{PLACE}/new", Answer(b"new"))
    server.will_answer("GET", f"{PLACE}/old", Answer(b"new"))
    Path("target").write_text("old")
    Path("target").chmod(0o640)
    Path("old").symlink_to("target")
    before = os.umask(0o027)

    code, _, _ = run(main, "download", url, "new", "old")
    os.umask(before)

    assert code == 0
    assert Path("new").stat().st_mode & 0o777 == 0o640 & ~0o027
    assert Path("target").read_text() == "new"
    assert Path("target").stat().st_mode & 0o777 == 0o640
    assert Path("old").is_symlink()


def test_a_device_is_not_replaced(run: Run, server: CannedServer, url: str) -> None:
    """A download to /dev/null must not make a plain file of it."""
    code, _, err = run(main, "download", url, "/dev/null")

    assert code == 1
    assert "/dev/null is not a regular file" in err
    assert Path("/dev/null").is_char_device()


def test_a_directory_that_is_not_there_is_reported(run: Run, server: CannedServer, url: str) -> None:
    """As LGI: the file cannot be opened."""
    server.will_answer("GET", f"{PLACE}/f", Answer(b"x"))

    code, out, err = run(main, "download", url, "nowhere/f")

    assert (code, out) == (1, "\nError opening file 'nowhere/f' ...\n\n")
    assert err == "LGI_filetransfer: nowhere/f: No such file or directory\n"


def test_uploads_send_their_size_and_end_with_0(run: Run, server: CannedServer, url: str) -> None:
    """LGI's own tool always ended with 1; an empty file has a length too."""
    server.will_answer("PUT", f"{PLACE}/big", done(200, "Uploaded"))
    server.will_answer("PUT", f"{PLACE}/empty", done(200, "Uploaded"))
    content = os.urandom(700_000)
    Path("big").write_bytes(content)
    Path("empty").write_bytes(b"")

    answer = run(main, "upload", url, "./big", "empty")

    assert answer == (0, f"\nUploaded to '{url}/big' ...\n\nUploaded to '{url}/empty' ...\n\n", "")
    assert [request.body for request in server.requests] == [content, b""]
    assert [request.headers["content-length"] for request in server.requests] == ["700000", "0"]
    assert len(server.connections) == 1


def test_the_body_of_an_answer_decides_and_not_its_status(run: Run, server: CannedServer, url: str) -> None:
    """As LGI: the HTTP status of a PUT may be anything."""
    server.will_answer("PUT", f"{PLACE}/f", done(200, "fine", status=500), done(500, "denied", status=200))
    Path("f").write_text("x")

    good, _, _ = run(main, "upload", url, "f")
    bad, out, err = run(main, "upload", url, "f")

    assert (good, bad) == (0, 1)
    assert out == f"\nError uploading to '{url}/f' ...\n\n"
    assert err == "LGI_filetransfer: f: denied\n"


def test_one_failure_does_not_stop_the_others(run: Run, server: CannedServer, url: str) -> None:
    """The exit code shows that one has failed."""
    server.will_answer("PUT", f"{PLACE}/there", done(200, "fine"))
    Path("there").write_text("x")

    code, out, err = run(main, "upload", url, "missing", "there")

    assert code == 1
    assert out == f"\nError opening file 'missing' ...\n\nUploaded to '{url}/there' ...\n\n"
    assert err == "LGI_filetransfer: missing: No such file or directory\n"


def test_files_are_deleted_by_the_name_typed(run: Run, server: CannedServer, url: str) -> None:
    """Directories in the name stay."""
    server.will_answer("DELETE", f"{PLACE}/sub/f", done(200, "Deleted"))

    assert run(main, "delete", url, "sub/f") == (0, f"\nDeleted '{url}/sub/f' ...\n\n", "")
    assert run(main, "delete", url, "other")[0] == 1


def test_every_character_of_a_name_arrives(run: Run, server: CannedServer, url: str) -> None:
    """Blanks, question marks, hashes and percent signs are encoded."""
    server.will_answer("PUT", f"{PLACE}/a%20b%3Fc%23d%2525%26%C3%BC", done(200, "fine"))
    Path("a b?c#d%25&ü").write_text("x")

    code, _, _ = run(main, "upload", url, "a b?c#d%25&ü")

    assert code == 0


@pytest.mark.parametrize("name", ["..z", "...", "..%2f..%2fz"])
def test_dots_at_the_begin_of_a_name_leave_no_repository(
    run: Run, server: CannedServer, url: str, name: str
) -> None:
    """A server takes such a name as any other one; so do all programs."""
    path = f"{PLACE}/{name.replace('%', '%25')}"
    server.will_answer("PUT", path, done(200, "stored"))
    server.will_answer("GET", path, Answer(b"data"))
    server.will_answer("DELETE", path, done(200, "deleted"))
    Path(name).write_text("x")

    codes = [run(main, action, url, name)[0] for action in ("upload", "download", "delete")]

    assert codes == [0, 0, 0]
    assert Path(name).read_text() == "data"


@pytest.mark.parametrize(
    ("action", "name"),
    [("delete", ".."), ("delete", "../other"), ("delete", "/etc"), ("download", ".."), ("download", "sub/")],
)
def test_no_name_leaves_the_repository(
    run: Run, server: CannedServer, url: str, action: str, name: str
) -> None:
    """A file outside would be another job's."""
    code, _, err = run(main, action, url, name)

    assert code == 1
    assert "is not the name of a file in a repository" in err
    assert server.requests == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("URL",), "give exactly one of list"),
        (("list", "download", "URL"), "write a file of that name as ./list"),
        (("list",), "no repository: give its URL"),
        (("list", "URL", "f"), "list takes no files, but 'f' was given"),
        (("upload", "URL"), "no files to upload"),
        (("-x", "download", "URL", "f"), "-x can only be used with list"),
        (("list", "http://localhost/LGI/r"), "is not a URL that begins with https://"),
        (("list", "https://localhost/LGI/r/"), "does not end in the name of a repository"),
        (("list", "https://localhost"), "does not end in the name of a repository"),
        (("list", "https://localhost/r?x=1"), "has a '?' or '#'"),
    ],
)
def test_a_wrong_command_line_is_explained(
    run: Run, server: CannedServer, url: str, words: tuple[str, ...], problem: str
) -> None:
    """Exit code 1, one line, and nothing is sent."""
    code, out, err = run(main, *(url if word == "URL" else word for word in words))

    assert (code, out) == (1, "")
    assert problem in err
    assert err.count("\n") == 1
    assert server.requests == []


def test_the_action_may_stand_anywhere(run: Run, server: CannedServer, url: str) -> None:
    """As LGI: the first other word is the URL, and the rest are files."""
    server.will_answer("PUT", f"{PLACE}/f", done(200, "fine"))
    Path("f").write_text("x")

    assert run(main, url, "f", "upload")[0] == 0


def test_a_server_that_is_not_verified_gets_no_file(
    run: Run, server: CannedServer, url: str, tmp_path: Path
) -> None:
    """Nothing is sent to a server of another authority."""
    other = Authority.create(tmp_path / "other")
    Path("f").write_text("secret")

    code, _, err = run(main, "-CA", str(other.ca_file), "upload", url, "f")

    assert code == 1
    assert "certificate verify failed" in err
    assert server.requests == []


def test_a_job_transfers_with_the_key_of_its_resource(
    run: Run, server: CannedServer, url: str, tmp_path: Path, authority: Authority, home: Path
) -> None:
    """-j DIR names key and certificate; what is empty there comes from ~/.LGI."""
    issued = authority.issue_resource("transfer@cluster")
    job = write_job(
        tmp_path / "job",
        LGI_key_file=str(issued.key),
        LGI_certificate_file=str(issued.certificate),
        LGI_ca_certificate_file="",
    )
    server.will_answer("GET", LISTING, listing(FILES))

    code, _, _ = run(main, "-j", str(job), "list", url)

    assert code == 0
    assert server.requests[0].caller == "transfer@cluster"


def test_the_repository_of_a_job_is_meant_in_its_directory(
    run: Run, server: CannedServer, url: str, tmp_path: Path, mark: Issued
) -> None:
    """Without a URL the one in the job's specifics is used: the server writes it last."""
    specifics = f"<repository_url> https://evil/x </repository_url> <repository_url> {url} </repository_url>"
    own = {"LGI_key_file": str(mark.key), "LGI_certificate_file": str(mark.certificate)}
    job = write_job(tmp_path / "job", LGI_job_specifics=specifics, LGI_ca_certificate_file="", **own)
    none = write_job(tmp_path / "none", **own)
    server.will_answer("GET", LISTING, listing(FILES))
    server.will_answer("DELETE", f"{PLACE}/old", done(200, "Deleted"))

    code, out, _ = run(main, "-j", str(job), "list")
    deleted, _, _ = run(main, "-j", str(job), "delete", "old")
    lost, _, err = run(main, "-j", str(none), "list")

    assert (code, deleted, lost) == (0, 0, 1)
    assert "a & b.txt" in out
    assert "no repository" in err


def test_a_growing_file_is_sent_as_long_as_it_was(
    run: Run, server: CannedServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than was announced would spoil the connection for the next file."""
    from lgi_tools.client import repository

    class Growing(repository.UploadBody):
        def read(self, amount: int = -1) -> bytes:
            with Path("log").open("ab") as log:
                log.write(b"more")
            return super().read(amount)

    monkeypatch.setattr(repository, "UploadBody", Growing)
    server.will_answer("PUT", f"{PLACE}/log", done(200, "fine"))
    Path("log").write_bytes(b"as it was")

    code, _, _ = run(main, "upload", url, "log")

    assert code == 0
    assert server.requests[0].body == b"as it was"
    assert Path("log").stat().st_size > len(b"as it was")
