"""The images of free codes: their list, the script that builds them, and their examples."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lgi_protocol import capabilities
from lgi_tools.task import folder
from tests.conftest import lacking
from tests.support.bench import APPLICATIONS, LIBRARY

IMAGES = APPLICATIONS / "images"
GUIDES = APPLICATIONS.parent / "docs"
# Makes an archive of an image, with a device, where mmdebstrap would have made one.
BUILDER = """#!/bin/sh
printf '%s\\n' "$@" > words
mkdir -p root/usr/bin root/dev
echo gmx > root/usr/bin/gmx
echo null > root/dev/null
chmod 4775 root/usr/bin/gmx
for word; do case "$word" in *.part) tar -C root -cf "$word" . ;; esac; done
"""


def codes() -> list[list[str]]:
    """The name, version, release and packages of each code."""
    lines = (IMAGES / "codes").read_text().splitlines()
    return [line.split(None, 3) for line in lines if not line.startswith("#")]


def build(place: Path, *words: str, builder: str = BUILDER) -> subprocess.CompletedProcess[str]:
    """Run the script in a directory, with a look-alike of mmdebstrap."""
    bin = place / "bin"
    bin.mkdir(exist_ok=True)
    if builder:
        (bin / "mmdebstrap").write_text(builder)
        (bin / "mmdebstrap").chmod(0o755)
    else:
        for name in ("dirname", "readlink", "sed", "xargs"):
            (bin / name).symlink_to(str(shutil.which(name)))
    path = f"{bin}:{os.environ['PATH']}" if builder else str(bin)
    command = [str(shutil.which("sh")), IMAGES / "build", *words]
    environment = {"PATH": path}
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_scripts_of_images_have_no_trap_of_the_shell() -> None:
    """shellcheck finds nothing, in those of the examples either."""
    if shutil.which("shellcheck") is None:
        lacking("shellcheck")

    scripts = [IMAGES / "build", *IMAGES.glob("*/*.sh")]
    done = subprocess.run(["shellcheck", "-s", "sh", *scripts], capture_output=True, text=True, check=False)

    assert done.stdout == ""


@pytest.mark.parametrize("code", codes(), ids=lambda code: code[0])
def test_a_code_has_packages_of_its_version_and_an_example(code: list[str]) -> None:
    """The input can be sent as it is; both guides name image, version and command."""
    name, version, release, packages = code
    example = [path.name for path in folder.inputs(IMAGES / name)]
    user, owner = ((GUIDES / f"{one}_guide.md").read_text() for one in ("user", "resource_owner"))

    assert capabilities.is_image(f"{name}:{version}")
    assert re.fullmatch("[a-z]+", release)
    assert {package.partition("=")[2] for package in packages.split()} == {f"{version}-*"}
    (command,) = re.findall(rf"^LGI_task submit {name} {re.escape(version)} (.*)$", user, re.MULTILINE)
    assert command.split()[-1] in example
    assert f"`{name}:{version}`" in owner


def test_an_image_is_built_and_stored_under_its_digest(tmp_path: Path) -> None:
    """Its name is a link that the resource announces with it; devices and set-user-ID are left out."""
    (tmp_path / "images").mkdir()

    done = build(tmp_path, "gromacs", "images")

    version = {name: version for name, version, *_ in codes()}["gromacs"]
    digits = hashlib.sha256((tmp_path / f"gromacs-{version}.tar").read_bytes()).hexdigest()
    pinned = f"gromacs:{version}@sha256:{digits}"
    assert (done.stdout, done.stderr) == (f"gromacs-{version}.tar is the image {pinned}\n", "")
    program = tmp_path / "images" / "gromacs" / version / "usr" / "bin" / "gmx"
    assert program.resolve().relative_to(tmp_path / "images" / ".sha256" / digits)
    assert program.stat().st_mode & 0o7777 == 0o755
    assert not (tmp_path / "images" / "gromacs" / version / "dev" / "null").exists()
    assert pinned in announced(tmp_path)
    words = (tmp_path / "words").read_text().splitlines()
    assert f"--include=gromacs={version}-*" in words
    assert words[-2:] == ["bookworm", f"gromacs-{version}.tar.part"]


def announced(place: Path) -> str:
    """What a resource with these images says of them."""
    script = place / "container"
    text = (APPLICATIONS / "command" / "container").read_text()
    script.write_text(text.replace("images=/srv/images", "images=$PWD/images"))
    environment = {"PATH": f"{LIBRARY}:{os.environ['PATH']}"}
    command = ["sh", script, "capabilities"]
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_an_archive_is_built_once_and_an_image_is_not_replaced(tmp_path: Path) -> None:
    """Jobs may be running in it."""
    (tmp_path / "images").mkdir()
    first = build(tmp_path, "nwchem")
    (tmp_path / "words").unlink()

    second, third = build(tmp_path, "nwchem", "images"), build(tmp_path, "nwchem", "images")

    assert first.stdout == second.stdout
    assert not (tmp_path / "words").exists()
    assert (third.returncode, "is here already: remove it first" in third.stderr) == (1, True)


@pytest.mark.parametrize("name", ["", "#", "../codes", "gromacs*", "$(id)", "gro macs"])
def test_an_unknown_code_builds_no_image(tmp_path: Path, name: str) -> None:
    """The message has the known ones."""
    done = build(tmp_path, name)

    assert done.returncode == 1
    assert f"there is no code '{name}': " in done.stderr
    assert done.stderr.endswith("has gromacs nwchem\n")
    assert not (tmp_path / "words").exists()


def test_a_build_that_fails_leaves_no_archive(tmp_path: Path) -> None:
    """Neither without mmdebstrap, nor when it fails, nor for a directory that is not there."""
    missing = build(tmp_path, "gromacs", builder="")
    nowhere = build(tmp_path, "gromacs", "nowhere")
    failed = build(tmp_path, "gromacs", builder="#!/bin/sh\necho x > gromacs.part\nexit 1\n")

    assert "mmdebstrap is missing" in missing.stderr
    assert "there is no directory nowhere" in nowhere.stderr
    assert "mmdebstrap has made no image of gromacs=" in failed.stderr
    assert {missing.returncode, nowhere.returncode, failed.returncode} == {1}
    assert list(tmp_path.glob("*.tar")) == []
