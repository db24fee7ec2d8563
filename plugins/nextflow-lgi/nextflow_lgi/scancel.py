"""scancel: cancel jobs of sbatch that have not ended."""

import sys
from collections.abc import Sequence

from lgi_tools import Project
from nextflow_lgi import program


def cancel(project: Project, arguments: Sequence[str]) -> None:
    """Delete jobs that wait, abort those that run. Raises ValueError for jobs that cannot be cancelled.

    A job that has ended stays as it is, with its results.
    """
    made = program.Parser("scancel")
    made.add_argument("-Q", "--quiet", action="store_true")
    made.add_argument("jobs", nargs="+")
    words = [word for text in made.parse_args(arguments).jobs for word in text.split(",") if word]
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) < 10):
            raise ValueError(f"Invalid job id {word[:40]}")
    found = {job.id: job for job in project.jobs(numbers=words, labels=program.LABELS)}
    active = [number for number, job in found.items() if not job.ended]
    errors = [f"job id {word}: it is not a job of sbatch" for word in words if int(word) not in found]
    if active:
        outcomes = project.delete_jobs(active)
        errors += [f"job id {one.job_id}: {one.error}" for one in outcomes if one.error]
    if errors:
        raise ValueError(f"Kill job error on {'; '.join(errors)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run scancel and return its exit code."""
    return program.run("scancel", cancel, arguments)


if __name__ == "__main__":
    sys.exit(main())
