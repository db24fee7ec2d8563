"""Patterns that choose the results of a job, and the files of a directory that they choose."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.client import result_patterns
from lgi_tools.client.result_patterns import ResultPatterns, path_of, stored_name
from lgi_tools.commands.run import main as run_command
from lgi_tools.staging.directory import LocalFile, contents, plain_file
from lgi_tools.staging.result_tree import DEEPEST
from tests.support.canned_server import CannedServer, lgi

from .test_run import SUBMIT, job
from .test_stage_out import job as place
from .test_stage_out import ordinary_user

Run = Callable[..., tuple[int, str, str]]
__all__ = ["place"]


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("*.dat", "a.dat"),
        ("results", "results/b.dat results/deep/c.dat results/deep/d.tmp"),
        ("results/", "results/b.dat results/deep/c.dat results/deep/d.tmp"),
        ("results/**", "results/b.dat results/deep/c.dat results/deep/d.tmp"),
        ("results/*.dat", "results/b.dat"),
        ("**/*.dat", "a.dat results/b.dat results/deep/c.dat"),
        ("**/deep/c*", "results/deep/c.dat"),
        ("*/*", "results/b.dat results/deep/c.dat results/deep/d.tmp"),
        ("res[ut]", ""),
        ("**", "a.dat results/b.dat results/deep/c.dat results/deep/d.tmp run.log"),
    ],
)
def test_a_pattern_chooses_files_by_their_paths(place: Path, pattern: str, chosen: str) -> None:
    """Or all files below a directory that it chooses; `*` is for one name, `**` for any directories."""
    (place / "results/deep").mkdir(parents=True)
    for name in (
        "a.dat",
        "run.log",
        "LGI_input",
        "results/b.dat",
        "results/deep/c.dat",
        "results/deep/d.tmp",
    ):
        (place / name).write_text(name)

    found = list(contents(place, place.parent / "state", {}, ResultPatterns((pattern,))))

    assert [path_of(one.name) for one in found] == chosen.split()
    kept = list(
        contents(place, place.parent / "state", {}, ResultPatterns((pattern,), ("*.tmp", "results/de*")))
    )
    assert [path_of(one.name) for one in kept] == [one for one in chosen.split() if "deep" not in one]


def test_files_can_be_left_out_alone(place: Path) -> None:
    """Then directories are not kept, as without patterns."""
    for name in ("a.dat", "b.tmp"):
        (place / name).write_text("")
    (place / "more").mkdir()

    found = list(contents(place, place.parent / "state", {}, ResultPatterns(exclude=("*.tmp", "more"))))

    assert [one.name for one in found] == ["a.dat"]


def test_results_lead_nowhere_else(place: Path) -> None:
    """A link is named and not followed; nor is one that takes the place of a directory meanwhile."""
    secret = place.parent / "secret"
    secret.mkdir()
    for name in ("key", "b.dat"):
        (secret / name).write_text("secret")
    (place / "results").mkdir()
    (place / "results/b.dat").write_text("mine")
    (place / "results/link").symlink_to(secret / "key")
    (place / "results/all").symlink_to(secret)
    os.mkfifo(place / "results/pipe")

    with ordinary_user(place):
        found = {
            one.name: one for one in contents(place, place.parent / "state", {}, ResultPatterns(("**",)))
        }
        (place / "results").rename(place / "old")
        (place / "results").symlink_to(secret)
        kept = found.pop("results%2Fb.dat")
        assert isinstance(kept, LocalFile)
        with pytest.raises(NotADirectoryError), plain_file(kept.path, kept.top):
            pass

    reasons = {name: getattr(one, "reason", "") for name, one in found.items()}
    assert reasons == {"results/link": "link", "results/all": "link", "results/pipe": "pipe"}


def test_a_tree_without_end_is_reported(place: Path) -> None:
    """Directories inside each other are followed so far; a name that no repository takes is named too."""
    at = place
    for _ in range(DEEPEST + 1):
        at /= "d"
        at.mkdir()
    (at / "lost").write_text("")
    (place / ("x" * 200)).mkdir()
    (place / ("x" * 200) / ("y" * 100)).write_text("")

    found = list(contents(place, place.parent / "state", {}, ResultPatterns(("**",))))

    reasons = [one.reason for one in found if not isinstance(one, LocalFile)]
    assert reasons == [f"more than {DEEPEST} directories inside each other", "its path is too long"]


@pytest.mark.parametrize("path", ["a", "a/b", "100%", "a%2Fb/c", "%25/%"])
def test_a_name_in_a_repository_stands_for_one_path(path: str) -> None:
    """Both ways; it has no slash, which repositories refuse."""
    assert path_of(stored_name(path)) == path
    assert "/" not in stored_name(path)


def test_patterns_are_read_as_they_were_written() -> None:
    """A pattern of another program that cannot be used is told from the others."""
    given = ResultPatterns(("results/**", "a & b/<*>"), ("*.tmp",))

    assert result_patterns.read(f"<cpus> 1 </cpus> {given.as_xml()}") == given
    assert result_patterns.read("<cpus> 1 </cpus>") == result_patterns.ALL
    odd = given.as_xml().replace("*.tmp", "../*")
    assert result_patterns.read(odd) == ResultPatterns(given.output, (), ("../*",))


@pytest.mark.parametrize(
    "pattern", ["/etc/*", "../x", "a/../../b", "", "a//b", "./a", "a\nb", "x" * 201, "a/" * 40]
)
def test_a_pattern_that_leads_out_is_refused(run: Run, server: CannedServer, pattern: str) -> None:
    """Before anything is sent."""
    for option in ("--output", "--exclude"):
        code, out, err = run(run_command, option, pattern, "x")

        assert (code, out, server.requests) == (1, "", [])
        assert "pattern" in err


def test_patterns_go_with_the_job(run: Run, server: CannedServer) -> None:
    """With the files in which it stores its streams itself, whatever characters these have."""
    server.will_answer_call(SUBMIT, lgi(job()))

    code, _, err = run(run_command, "--output", "results/**", "--exclude", "*.tmp", "-o", "a[1].txt", "x")

    assert (code, err) == (0, "")
    assert result_patterns.read(server.requests[0].fields["job_specifics"]) == ResultPatterns(
        ("results/**", "a[[]1].txt"), ("*.tmp",)
    )
