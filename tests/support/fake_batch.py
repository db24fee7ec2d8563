"""A SLURM of shell scripts for tests: it keeps jobs as files, runs none, and misbehaves as it is told."""

from pathlib import Path

from lgi_daemon.pilot.batch_system import BatchState

_SBATCH = """#!/bin/sh
cd '{directory}' || exit 1
echo "$@" >> calls
read -r mode < mode
[ "$mode" != refuse ] || {{ echo 'sbatch: error: invalid partition' >&2; exit 1; }}
[ "$mode" != hang ] || exec sleep 600
for word in "$@"; do case $word in --job-name=*) name=${{word#--job-name=}} ;; esac; done
number=$(($(ls jobs | wc -l) + 100))
echo "$number PENDING $name" > "jobs/$number"
[ "$mode" != lose ] || {{ printf '\\033[31mSubmitted, perhaps'; exit 0; }}
echo "$number;cluster"
"""
_SQUEUE = """#!/bin/sh
cd '{directory}' || exit 1
read -r mode < query
case $mode in
fail) echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1 ;;
garbage) echo 'Segmentation fault' ;;
flood) exec yes 'a line without an end' ;;
esac
cat jobs/* 2> /dev/null
exit 0
"""


class FakeBatch:
    """A directory with sbatch and squeue, for PATH."""

    def __init__(self, directory: Path) -> None:
        self.programs = directory / "bin"
        self.programs.mkdir(parents=True)
        self._directory = directory
        (directory / "jobs").mkdir()
        for name, text in {"sbatch": _SBATCH, "squeue": _SQUEUE}.items():
            (self.programs / name).write_text(text.format(directory=directory))
            (self.programs / name).chmod(0o755)
        self.submits("well")
        self.answers("well")

    def submits(self, mode: str) -> None:
        """Let sbatch work well, refuse, hang, or lose its answer."""
        (self._directory / "mode").write_text(f"{mode}\n")

    def answers(self, mode: str) -> None:
        """Let squeue work well, fail, print garbage, or print for ever."""
        (self._directory / "query").write_text(f"{mode}\n")

    @property
    def calls(self) -> list[str]:
        """The arguments of each call of sbatch."""
        path = self._directory / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def names(self) -> list[str]:
        """The names of the jobs that are there."""
        return [one.read_text().split()[2] for one in sorted((self._directory / "jobs").iterdir())]

    def remove(self, name: str) -> None:
        """Forget a job, as some time after its end."""
        for path in (self._directory / "jobs").iterdir():
            if name in path.read_text():
                path.unlink()

    def change(self, name: str, state: BatchState) -> None:
        """Start a job, or end it, as one that is still listed."""
        words = {BatchState.RUNNING: "RUNNING", BatchState.ENDED: "FAILED", BatchState.WAITING: "PENDING"}
        (path,) = (one for one in (self._directory / "jobs").iterdir() if name in one.read_text())
        path.write_text(f"{path.name} {words[state]} {name}\n")
