"""sbatch: submit a script as a job of LGI."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lgi_tools import Details, JobRequest, Project, TransportError
from nextflow_lgi import batch_options, directives, program
from nextflow_lgi.batch_job import request_of

# Seconds for which a server that does not answer is asked again, and between two calls.
_OUTAGE, _PAUSE = 60.0, 3.0


def submit(project: Project, arguments: Sequence[str]) -> None:
    """Submit a script and print its id as Slurm does. Raises ValueError, OSError, ServerError."""
    own, words = batch_options.read(arguments)
    if not words:
        raise ValueError("the script is missing: LGI's sbatch takes none from standard input")
    script = Path(words[0]).absolute()
    options = batch_options.options_of([*directives.words_of(script), *own])
    if options.chdir:
        os.chdir(options.chdir)
    job = _submitted(project, request_of(script, words[1:], options))
    print(job.id if options.parsable else f"Submitted batch job {job.id}")


def _submitted(project: Project, request: JobRequest) -> Details:
    """Submit once, however often the call is repeated: an answer that is lost makes no second job."""
    end = time.monotonic() + _OUTAGE
    while True:
        try:
            return project.submit_request(request)
        except TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(_PAUSE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run sbatch and return its exit code."""
    return program.run("sbatch", submit, arguments)


if __name__ == "__main__":
    sys.exit(main())
