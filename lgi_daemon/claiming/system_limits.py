"""Whether this machine takes jobs of an application now: its load, and the check_system_limits_script."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from lgi_daemon.config.model import ApplicationSettings, ProjectSettings
from lgi_daemon.execution.scripts import NoAnswerError, ScriptContext, Scripts
from lgi_daemon.files import machine_readings

log = logging.getLogger(__name__)

# The last line that a script prints is kept, up to so many characters; of the output so many bytes are read.
MAX_REASON, MAX_OUTPUT_BYTES = 160, 4096
# The status of an answer that no script has given: the load is too high.
BUSY = -1
# A load that was too high must fall below this part of its limit: the answer does not change all the time.
ENOUGH = 0.9


def _no_limit() -> int:
    return 0


@dataclass(frozen=True)
class Answer:
    """The answer of a script: its exit status (None: there was none) and why no jobs are taken.

    ``reason`` is empty when jobs are taken.
    """

    status: int | None
    reason: str


class SystemLimits:
    """Runs the scripts, for any number of threads, and remembers the last answer of each."""

    def __init__(
        self,
        scripts: Scripts,
        directory: Path,
        programs: Path,
        load_limit: Callable[[], int] = _no_limit,
    ) -> None:
        """Run the scripts in this directory, as the daemon's own user, with LGI's ``programs``.

        ``load_limit`` returns the load above which no jobs are taken, 0 for no limit.
        """
        self._load_limit = load_limit
        self._scripts = scripts
        self._directory = directory
        self._programs = programs
        self._guard = Lock()
        self._answers: dict[tuple[str, str], Answer] = {}

    def allow(self, project: ProjectSettings, application: ApplicationSettings) -> bool:
        """Return whether load and script, which is run now, allow an application; log each change once."""
        key = (project.name, application.name)
        before = self._answers.get(key, Answer(0, ""))
        answer = self._by_load(before.status == BUSY) or self.ask(project, application)
        with self._guard:
            before = self._answers.get(key, Answer(0, ""))
            if answer.status != before.status or key not in self._answers:
                self._answers[key] = answer
        if answer.status == before.status:
            log.debug("load and check_system_limits_script of %s/%s are as before", *key)
        elif answer.reason:
            log.warning("not fetching jobs of %s/%s: %s", *key, answer.reason)
        else:
            log.info("fetching jobs of %s/%s again: check_system_limits_script allows them", *key)
        return not answer.reason

    def _by_load(self, was_busy: bool) -> Answer | None:
        """Return the answer that a load above its limit gives; None when the script is to answer."""
        limit, load = self._load_limit(), machine_readings.load()
        if not limit or load is None or load <= limit * (ENOUGH if was_busy else 1.0):
            return None
        return Answer(BUSY, f"the load of {load:.1f} is above the load_limit of {limit}")

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
