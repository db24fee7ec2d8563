"""Whether this machine takes jobs of an application now: what its check_system_limits_script answers."""

import logging
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from lgi_daemon.config.model import ApplicationSettings, ProjectSettings
from lgi_daemon.execution.scripts import NoAnswerError, ScriptContext, Scripts

log = logging.getLogger(__name__)

# The last line that a script prints is kept, up to so many characters; of the output so many bytes are read.
MAX_REASON, MAX_OUTPUT_BYTES = 160, 4096


@dataclass(frozen=True)
class Answer:
    """The answer of a script: its exit status (None: there was none) and why no jobs are taken.

    ``reason`` is empty when jobs are taken.
    """

    status: int | None
    reason: str


class SystemLimits:
    """Runs the scripts, for any number of threads, and remembers the last answer of each."""

    def __init__(self, scripts: Scripts, directory: Path, programs: Path) -> None:
        """Run the scripts in this directory, as the daemon's own user, with LGI's ``programs``."""
        self._scripts = scripts
        self._directory = directory
        self._programs = programs
        self._guard = Lock()
        self._answers: dict[tuple[str, str], Answer] = {}

    def allow(self, project: ProjectSettings, application: ApplicationSettings) -> bool:
        """Return whether the script of an application, run now, exits with 0; log each change once."""
        answer = self.ask(project, application)
        key = (project.name, application.name)
        with self._guard:
            before = self._answers.get(key, Answer(0, ""))
            if answer.status != before.status or key not in self._answers:
                self._answers[key] = answer
        if answer.status == before.status:
            log.debug("check_system_limits_script of %s/%s answers as before", *key)
        elif answer.reason:
            log.warning("not fetching jobs of %s/%s: %s", *key, answer.reason)
        else:
            log.info("fetching jobs of %s/%s again: check_system_limits_script allows them", *key)
        return not answer.reason

    def reason(self, project: ProjectSettings, application: ApplicationSettings) -> str:
        """Return why no jobs of an application are taken, by the last answer; empty before the first."""
        answer = self._answers.get((project.name, application.name))
        return answer.reason if answer else ""

    def ask(self, project: ProjectSettings, application: ApplicationSettings) -> Answer:
        """Return the answer of a script, which is run now."""
        # As LGI: it runs as the daemon's own user; only the administrator can change it.
        script = application.check_system_limits_script
        hints = {"LGI_PROJECT": project.name, "LGI_APPLICATION": application.name}
        context = ScriptContext(self._directory, hints=hints, programs=self._programs)
        try:
            status, output = self._scripts.answer(script, context, max_bytes=MAX_OUTPUT_BYTES)
        except (NoAnswerError, OSError) as error:
            return Answer(None, f"check_system_limits_script: {error}")
        if status == 0:
            return Answer(0, "")
        said = _last_line(output)
        return Answer(status, f"check_system_limits_script exits with {status}{f': {said}' if said else ''}")


def _last_line(output: str) -> str:
    lines = ["".join(char for char in line if char.isprintable()).strip() for line in output.splitlines()]
    return next((line for line in reversed(lines) if line), "")[:MAX_REASON]
