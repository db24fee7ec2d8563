"""The commands of users, run against a real project server."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lgi_tools.certificates import user_directory
from tests.conftest import lacking
from tests.support.grid import BIN, PROJECT, Grid


@pytest.fixture
def home(grid: Grid, tmp_path: Path) -> Path:
    """A home directory whose ~/.LGI is set up."""
    grid.resource()
    issued = grid.people.user("mark@laptop", ("theor", "cyttron"))
    user_directory.write(
        tmp_path / ".LGI",
        issued,
        grid.people.authority.ca_file,
        user="mark@laptop",
        groups=("theor",),
        server=grid.url,
        project=PROJECT,
    )
    return tmp_path


def run(home: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """Run a command; return its exit code and output."""
    words = [str(word) for word in command]
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TZ": "UTC"}
    return subprocess.run(
        [BIN / words[0] if words[0].startswith("LGI") else words[0], *words[1:]],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def value(text: str, label: str) -> str:
    """Return the text after a label."""
    (line,) = [line for line in text.splitlines() if line.startswith(label.ljust(22) + ": ")]
    return line.partition(": ")[2]


@pytest.mark.slow
def test_the_commands_of_the_document_make_a_whole_session(home: Path) -> None:
    """List, submit with a file, details, list and fetch files, upload, delete."""
    (home / "notes ü.txt").write_text("some notes")

    empty = run(home, "LGI_qstat")
    submitted = run(home, "LGI_qsub", "-a", "hello_world", "notes ü.txt")
    job = value(submitted.stdout, "Job id")
    details = run(home, "LGI_qstat", job)
    url = details.stdout.partition("<repository_url> ")[2].partition(" <")[0]
    uploaded = run(home, "LGI_filetransfer", "upload", url, home / ".LGI" / "groups")
    listed = run(home, "LGI_filetransfer", "list", url)
    (home / "fetched").mkdir()
    fetched = run(home, "LGI_filetransfer", "download", url, "fetched/notes ü.txt")
    missing = run(home, "LGI_filetransfer", "download", url, "nothing")
    removed = run(home, "LGI_filetransfer", "delete", url, "groups")
    deleted = run(home, "LGI_qdel", job)
    again = run(home, "LGI_qdel", job)

    assert "Number of jobs listed : 0" in empty.stdout
    assert value(submitted.stdout, "Repository content") == ".LGI_repository_write_access, notes ü.txt"
    assert value(details.stdout, "Job state") == "queued"
    assert listed.stdout.splitlines()[2].startswith("groups ".ljust(33) + "       6 ")
    assert (uploaded.returncode, listed.returncode, removed.returncode) == (0, 0, 0)
    assert fetched.returncode == 0
    assert (home / "fetched" / "notes ü.txt").read_text() == "some notes"
    assert (missing.returncode, (home / "nothing").exists()) == (1, False)
    assert f"Job {job} deleted from project LGI" in deleted.stdout
    assert (deleted.returncode, again.returncode) == (0, 1)


def test_curl_alone_lists_the_jobs(grid: Grid, home: Path) -> None:
    """Any program that speaks HTTPS with a certificate is a client."""
    if shutil.which("curl") is None:
        lacking("curl")
    run(home, "LGI_qsub", "-a", "hello_world")

    done = run(
        home,
        *("curl", "-sS", "--cert", home / ".LGI" / "certificate", "--key", home / ".LGI" / "privatekey"),
        *("--cacert", home / ".LGI" / "ca_chain", "-F", "project=LGI", "-F", "user=mark@laptop"),
        *("-F", "groups=theor", f"{grid.url}/interfaces/interface_job_state.php"),
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<LGI>")
    assert "<number_of_jobs> 1 </number_of_jobs> <job number='1'>" in done.stdout


def test_a_tool_says_plainly_that_nobody_answers(home: Path) -> None:
    """Without a server a command prints the reason and exits with 1."""
    done = run(home, "LGI_qstat", "-S", "https://localhost:1/LGI")

    assert done.returncode == 1
    assert "refused" in (done.stdout + done.stderr)
    assert "Traceback" not in done.stderr


NAMES = [
    *(
        "a b",
        " edge ",
        "it's",
        'qu"ote',
        "what?",
        "#1",
        "100%",
        "%41",
        "a%22b",
        "a&amp;b",
        "<x>",
        "back\\slash",
    ),
    *("line\nend", "line\nend 2\n", "tab\t", "ü€日本", "-x", "list", "x;y=z", "*", "$HOME", "~"),
]


@pytest.mark.slow
def test_a_file_of_any_name_makes_the_round_trip(home: Path) -> None:
    """A file is submitted, listed, fetched, stored again and removed under exactly its name."""
    for directory in ("sent", "fetched"):
        (home / directory).mkdir()
    for name in NAMES:
        (home / "sent" / name).write_text(name)

    submitted = run(home, "LGI_qsub", "-a", "hello_world", *(home / "sent" / name for name in NAMES))
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    url = submitted.stdout.partition("<repository_url> ")[2].partition(" <")[0]
    listed = run(home, "LGI_filetransfer", "list", url).stdout
    document = run(home, "LGI_filetransfer", "--json", "list", url).stdout
    fetched = run(home, "LGI_filetransfer", "download", url, *(home / "fetched" / name for name in NAMES))
    stored = run(home, "LGI_filetransfer", "upload", url, *(home / "sent" / name for name in NAMES))
    removed = run(home, "LGI_filetransfer", "delete", url, "--", *(f"./{name}" for name in NAMES))
    rest = run(home, "LGI_filetransfer", "-x", "list", url).stdout

    told = json.loads(document)["files"]
    assert set(NAMES) == {one["file_name"] for one in told if not one["file_name"].startswith(".LGI_")}
    # Each in one line of the list, whatever its name.
    shown = [name.replace("\n", "\\n").replace("\t", "\\t") for name in NAMES]
    assert all(f"\n{name:<32} " in listed for name in shown)
    assert len(listed.splitlines()) == len(told) + 2
    assert (fetched.returncode, stored.returncode, removed.returncode) == (0, 0, 0), removed.stderr
    assert {path.name: path.read_text() for path in (home / "fetched").iterdir()} == {
        name: name for name in NAMES
    }
    assert "<number_of_files> 1 </number_of_files>" in rest


def test_a_download_goes_on_with_a_real_server(grid: Grid, home: Path) -> None:
    """The bytes that are already there are not requested again: here they are recognized as wrong ones."""
    (home / "big").write_bytes(b"b" * 1_500_000)
    submitted = run(home, "LGI_qsub", "-a", "hello_world", "big").stdout
    url = submitted.partition("<repository_url> ")[2].partition(" <")[0]
    client = grid.user().client
    with client.session.get(f"{url}/big", stream=True, verify=client.session.verify) as answer:
        mark = answer.headers["ETag"].strip('"')
    (home / "fetched" / ".big.part").mkdir(parents=True)
    (home / "fetched" / ".big.part").chmod(0o700)
    (home / "fetched" / ".big.part" / mark).write_bytes(b"a" * 1_000_000)

    done = run(home, "LGI_filetransfer", "download", url, "fetched/big")

    assert done.returncode == 0, done.stderr
    assert (home / "fetched" / "big").read_bytes() == b"a" * 1_000_000 + b"b" * 500_000
    assert os.listdir(home / "fetched") == ["big"]
