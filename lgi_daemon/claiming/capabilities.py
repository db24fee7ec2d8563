"""What a resource tells of itself at sign-up: what its configuration says, and what its scripts say today."""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from lgi_daemon.config.model import ApplicationSettings, ProjectSettings
from lgi_daemon.execution.environment import PROGRAMS
from lgi_daemon.execution.scripts import NoAnswerError, Place, Scripts
from lgi_daemon.servers.clock import Clock
from lgi_protocol import xml

log = logging.getLogger(__name__)

WORD = "capabilities"
# An answer is good for so many seconds: with work to do a daemon signs up every few.
GOOD_FOR = 60.0
# What a script may take, in seconds, and say, in bytes.
PATIENCE, MOST = 10.0, 32 * 1024


class CapabilityReporter:
    """Asks the capabilities scripts, for any number of threads."""

    def __init__(self, scripts: Scripts, directory: Path, clock: Clock) -> None:
        """The scripts run in this directory, as the daemon's own user."""
        self._scripts = scripts
        self._directory = directory
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str, Path], tuple[float, str]] = {}

    def of(self, project: ProjectSettings) -> str:
        """What is told to the servers of a project; without the scripts' words where those are too many."""
        with self._lock:
            asked = {one.name: self._answer(project, one) for one in project.applications}
        told = project.capabilities_with(asked)
        size = len(told.encode())
        if size < xml.MAX_FIELD_SIZE:
            return told
        log.warning("what scripts say of %s is not told: it would be %d bytes", project.name, size)
        return project.capabilities

    def _answer(self, project: ProjectSettings, application: ApplicationSettings) -> str:
        script = application.capabilities_script
        if script is None:
            return ""
        key = (project.name, application.name, script)
        asked, answer = self._answers.get(key, (None, ""))
        now = self._clock.now
        if asked is not None and now < asked + GOOD_FOR:
            return answer
        answer = self._asked(script, {"LGI_PROJECT": project.name, "LGI_APPLICATION": application.name})
        self._answers[key] = now, answer
        return answer

    def _asked(self, script: Path, hints: Mapping[str, str]) -> str:
        place = Place(self._directory, hints=dict(hints), programs=self._directory / PROGRAMS)
        try:
            said = self._scripts.said(script, WORD, place, PATIENCE, MOST)
        except (NoAnswerError, OSError) as error:
            log.warning("%s says nothing of its capabilities: %s", hints["LGI_APPLICATION"], error)
            return ""
        # A server refuses what it could not show as XML, and with it the whole sign-up.
        return " ".join("".join(char for char in said if char.isprintable() or char.isspace()).split())
