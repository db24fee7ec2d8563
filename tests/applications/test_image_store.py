"""Images that users publish are stored under their digest, and nothing else is written."""

import hashlib
import io
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.support import containers
from tests.support.bench import Bench

PROGRAM = Path(__file__).parents[2] / "applications" / "image_store" / "receive"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The directory of the images, without any."""
    if what := containers.missing():
        lacking(what)
    made = tmp_path / "images"
    made.mkdir()
    return made


def archive(**files: str | tarfile.TarInfo) -> bytes:
    """An archive of tar with files, or other members."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as opened:
        for name, content in files.items():
            member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = content.encode() if isinstance(content, str) else b""
            member.size, member.mode = len(data), 0o6755
            opened.addfile(member, io.BytesIO(data))
    return made.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A link in an archive."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def receive(store: Path, data: bytes, name: str = "psi4:1.5", digest: str = "", **settings: str) -> str:
    """What a job says that publishes an image; its errors too."""
    job = store.parent / "job"
    job.mkdir(exist_ok=True)
    digest = digest or f"sha256:{hashlib.sha256(data).hexdigest()}"
    (job / "LGI_job_specifics").write_text(f"<publish> {name}@{digest} </publish>")
    (job / "psi4.tar").write_bytes(data)
    text = PROGRAM.read_text()
    for setting, value in ({"images": str(store), "max_bytes": "1000000"} | settings).items():
        text = "\n".join(
            f"{setting}={value}" if line.startswith(f"{setting}=") else line for line in text.split("\n")
        )
    done = subprocess.run(
        ["sh", "-c", text], cwd=job, capture_output=True, text=True, timeout=60, check=False
    )
    return f"{done.returncode} {done.stdout}{done.stderr}"


def test_an_image_is_stored_under_its_digest(store: Path) -> None:
    """Its name is a link to it; no file in it is set-user-ID, nor can others write to one."""
    data = archive(**{"bin/program": "hello"})
    digits = hashlib.sha256(data).hexdigest()

    first, again = receive(store, data, "theor/psi4:1.5"), receive(store, data, "theor/psi4:1.5")
    second = receive(store, data, "psi4:2")

    assert first == f"0 stored theor/psi4:1.5@sha256:{digits}\n"
    assert again == f"0 theor/psi4:1.5@sha256:{digits} is here already\n"
    assert second.startswith("0 stored")
    program = store / "theor" / "psi4" / "1.5" / "bin" / "program"
    assert program.resolve() == store / ".sha256" / digits / "bin" / "program"
    assert program.stat().st_mode & 0o7777 == 0o755
    assert (store / "psi4" / "2" / "bin").is_dir()


def test_a_version_is_published_once(store: Path) -> None:
    """Others rely on it; neither does a name lead into an image, or a job bring another file."""
    receive(store, archive(**{"bin/program": "hello"}))
    other = archive(**{"bin/program": "other"})

    assert "psi4:1.5 is another image here: publish another version" in receive(store, other)
    assert "would be inside of another image" in receive(store, other, "psi4/1.5/x:1")
    assert "the file has another digest" in receive(store, other, "psi4:3", f"sha256:{'a' * 64}")
    assert (store / "psi4" / "1.5" / "bin" / "program").read_text() == "hello"


@pytest.mark.parametrize(
    "name", ["psi4", "../psi4:1", "/psi4:1", "psi4:..", ".sha256:1", "$(id):1", "a/../b:1"]
)
def test_a_published_name_is_that_of_an_image(store: Path, name: str) -> None:
    """It becomes a path."""
    assert "the job names no image" in receive(store, archive(**{"bin/x": ""}), name)
    assert list(store.iterdir()) == []


@pytest.mark.parametrize("name", ["theor:bin", "theor/usr:1", "psi4/1.5.sif:2"])
def test_a_published_name_makes_no_image_of_another_directory(store: Path, name: str) -> None:
    """A directory with bin or usr is an image, as is a file that ends with .sif: others would be hidden."""
    assert "in the name of an image nothing is bin" in receive(store, archive(**{"bin/x": ""}), name)
    assert list(store.iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_in_an_archive_leads_nowhere(store: Path, kind: bytes) -> None:
    """Neither a file through a link, nor a hard link, nor a path upwards gets out of the image."""
    secret = store.parent / "secret"
    secret.write_text("of the owner")
    out = str(store.parent) if kind == tarfile.SYMTYPE else str(secret)
    data = archive(
        **{"bin/x": "", "a": link("a", out, kind), "a/secret": "changed", "../../../secret": "changed"}
    )

    receive(store, data)

    assert secret.read_text() == "of the owner"
    assert secret.stat().st_nlink == 1


def test_a_file_that_is_no_image_is_refused(store: Path) -> None:
    """Too long, or nothing that a container can start; the next one is stored all the same."""
    large = archive(**{"bin/x": "x" * 5000})

    assert "an image may have 4000 bytes here" in receive(store, large, max_bytes="4000")
    assert "no archive of tar" in receive(store, b"x" * 3000)
    assert "no bin and no usr" in receive(store, archive(etc="x"))
    assert receive(store, large).startswith("0 stored")


def test_an_image_of_apptainer_is_a_file(store: Path) -> None:
    """It is copied as it is."""
    assert receive(store, b"SIF", container="apptainer").startswith("0 stored")
    assert (store / "psi4" / "1.5.sif").read_bytes() == b"SIF"


def test_a_job_of_the_application_stores_an_image(place: Path, store: Path) -> None:
    """By the scripts of the library, which run the program in the directory of the job."""
    data = archive(**{"usr/x": ""})
    pinned = f"psi4:1.5@sha256:{hashlib.sha256(data).hexdigest()}"
    program = place / "receive"
    program.write_text(PROGRAM.read_text().replace("images=/srv/images", f"images={store}"))
    program.chmod(0o755)
    settings = f"backend=process\nstage=no\nprogram={shlex.quote(str(program))}"
    job = Bench(place, settings, input=b"", specifics=f"<publish> {pinned} </publish>")
    (job.directory / "psi4.tar").write_bytes(data)

    assert job.finish() == f"stored {pinned}\n[LGI: exit code 0]\n"
    assert (store / "psi4" / "1.5" / "usr").is_dir()
