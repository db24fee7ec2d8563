"""What the program of a job finds around it: PATH, locale, proxies."""

import os
import shlex
from pathlib import Path

import pytest

from lgi_daemon.execution.environment import link_programs, variables
from tests.support.bench import Bench

from . import shims

SETTINGS = "backend=process\nstage=no\n"
COUNT = b"printf 'caf\\303\\251' | awk '{ print length($0) }'"


class Daemons(Bench):
    """A bench whose scripts have the environment a daemon makes."""

    def environment(self) -> dict[str, str]:
        """As the daemon gives it, with stand-ins for batch systems in front of the site's PATH."""
        found = super().environment()
        site = os.environ["PATH"]
        os.environ["PATH"] = ":".join(map(str, [*self.path, site]))
        try:
            hints = {name: value for name, value in found.items() if name.startswith("LGI_")}
            return variables(link_programs(self.place), None, hints)
        finally:
            os.environ["PATH"] = site


@pytest.fixture(autouse=True)
def locale(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon has one of UTF-8."""
    for name in [name for name in os.environ if name.startswith(("LC_", "LANG")) or name.endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANG", "C.UTF-8")


def test_a_job_counts_letters_as_the_daemon_does(place: Path) -> None:
    """The library's own LC_ALL=C is not the job's: cafe with an accent has four letters."""
    assert Daemons(place, SETTINGS, input=COUNT).finish() == "4\n[LGI: exit code 0]\n"


def test_a_job_has_the_locale_the_daemon_was_given(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is set by LC_ALL: then that is what the job finds."""
    monkeypatch.setenv("LC_ALL", "C")

    assert Daemons(place, SETTINGS, input=COUNT).finish() == "5\n[LGI: exit code 0]\n"


def test_a_job_finds_programs_of_the_site_and_lgi_programs_last(place: Path) -> None:
    """No short name of LGI, no Python of LGI."""
    site = place / "site"
    site.mkdir()
    (site / "LGI_qsub").write_text("#!/bin/sh\n")
    (site / "LGI_qsub").chmod(0o755)
    job = Daemons(
        place,
        SETTINGS,
        input=b"command -v xml; command -v csv; command -v LGI_qsub; command -v LGI_qstat; echo $PATH",
        path=[site],
    )

    *found, path, _end = job.finish().splitlines()

    assert found == [f"{site}/LGI_qsub", f"{place}/.programs/LGI_qstat"]
    assert path.split(":")[0] == str(site)
    assert path.split(":")[-1] == f"{place}/.programs"
    assert "/filters" not in path


def test_a_job_has_the_proxies_of_the_daemon(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job script fetches as the daemon does."""
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,.example.org")

    job = Daemons(place, SETTINGS, input=b"echo $https_proxy $NO_PROXY")

    assert job.finish().startswith("http://proxy.example:3128 localhost,.example.org\n")


@pytest.mark.usefixtures("answers_alone")
@pytest.mark.parametrize("passes_on", [True, False])
@pytest.mark.parametrize("backend", sorted(shims.COMMANDS))
def test_a_batch_systems_job_has_the_same_surroundings(
    place: Path, backend: str, passes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch system may pass the environment on or not."""
    monkeypatch.setenv("https_proxy", "http://o'hara:secret@proxy.example:3128")
    path = shims.install(place / "cluster", backend)
    if not passes_on:
        (place / "cluster" / "environment").write_text("PATH=/usr/bin:/bin\n")
    settings = f"backend={backend}\nstage=no\ncache_seconds=0\ngrace=1\n"
    text = b"; echo $https_proxy; command -v xml; command -v LGI_qstat; echo $LANG ${LC_ALL-unset}"
    job = Daemons(place, settings, input=COUNT + text, path=[path])
    job.remove_answers()

    *said, _end = job.finish().splitlines()

    programs = f"{place}/.programs/LGI_qstat"
    assert said == ["4", "http://o'hara:secret@proxy.example:3128", programs, "C.UTF-8 unset"]


@pytest.mark.usefixtures("answers_alone")
def test_a_nodes_own_proxy_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of the node override those of the daemon."""
    monkeypatch.setenv("https_proxy", "http://daemon:1")
    path = shims.install(place / "cluster", "pbs")
    job = Daemons(place, "backend=pbs\nstage=no\ncache_seconds=0\n", input=b"echo $https_proxy", path=[path])
    job.remove_answers()
    (place / "cluster" / "environment").write_text("https_proxy=http://node:2\nPATH=/usr/bin:/bin\n")

    assert job.finish().startswith("http://node:2\n")


@pytest.mark.parametrize(("network", "proxy"), [("yes", "http://me:hush@proxy:1"), ("no", "")])
def test_a_container_has_the_locale_and_with_a_network_the_proxies(
    place: Path, images: Path, network: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password of a proxy is in no list of processes."""
    monkeypatch.setenv("https_proxy", "http://me:hush@proxy:1")
    settings = f"{SETTINGS}container=bwrap\nimages={shlex.quote(str(images))}\nnetwork={network}\n"
    # The pattern does not match the command line of grep itself.
    text = b'echo "$LANG $https_proxy"; cat /proc/[0-9]*/cmdline | grep -c "[h]ush"'
    job = Daemons(place, settings, input=text, specifics="<image> lgi/busybox:1.0 </image>")

    assert job.finish().startswith(f"C.UTF-8 {proxy}\n0\n")
