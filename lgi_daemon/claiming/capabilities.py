"""The capabilities of a resource at sign-up: the text of its configuration and the output of its scripts."""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from lgi_daemon.claiming.system_limits import SystemLimits
from lgi_daemon.config.model import ApplicationSettings, ProjectSettings
from lgi_daemon.execution.environment import PROGRAMS
from lgi_daemon.execution.scripts import NoAnswerError, ScriptContext, Scripts
from lgi_daemon.servers.clock import Clock
from lgi_protocol import xml
from lgi_protocol.capabilities import UNAVAILABLE

log = logging.getLogger(__name__)

ARGUMENT = "capabilities"
# The output of a script is used for this long: a busy daemon signs up every few seconds.
CACHE_SECONDS = 60.0
# The timeout of a script in seconds, and the largest output in bytes.
TIMEOUT, MAX_OUTPUT_BYTES = 10.0, 32 * 1024


class CapabilityReporter:
    """Runs the capabilities scripts, for any number of threads."""

    def __init__(self, scripts: Scripts, directory: Path, clock: Clock, system_limits: SystemLimits) -> None:
        """Run the scripts in this directory, as the daemon's own user."""
        self._system_limits = system_limits
        self._scripts = scripts
        self._directory = directory
        self._clock = clock
        self._lock = threading.Lock()
        self._outputs: dict[tuple[str, str, Path], tuple[float, str]] = {}

    def capabilities(self, project: ProjectSettings) -> str:
        """Return the field for a sign-up at a project; without the output of scripts where it is too long.

        It says of which applications no jobs are taken now, and why.
        """
        closed = {one.name: self._unavailable(project, one) for one in project.applications}
        with self._lock:
            outputs = {one.name: self._output(project, one) for one in project.applications}
        capabilities = project.capabilities_with(
            {name: f"{output} {closed[name]}".strip() for name, output in outputs.items()}
        )
        size = len(capabilities.encode())
        if size < xml.MAX_FIELD_SIZE:
            return capabilities
        log.warning("capabilities of %s: ignoring output of scripts, it makes %d bytes", project.name, size)
        without = project.capabilities_with(closed)
        return without if len(without.encode()) < xml.MAX_FIELD_SIZE else project.capabilities

    def _unavailable(self, project: ProjectSettings, application: ApplicationSettings) -> str:
        reason = self._system_limits.reason(project, application)
        return f"<{UNAVAILABLE}> {xml.escape(reason)} </{UNAVAILABLE}>" if reason else ""

    def _output(self, project: ProjectSettings, application: ApplicationSettings) -> str:
        script = application.capabilities_script
        if script is None:
            return ""
        key = (project.name, application.name, script)
        run_at, output = self._outputs.get(key, (None, ""))
        now = self._clock.now
        if run_at is not None and now < run_at + CACHE_SECONDS:
            return output
        output = self._run(script, {"LGI_PROJECT": project.name, "LGI_APPLICATION": application.name})
        self._outputs[key] = now, output
        return output

    def _run(self, script: Path, hints: Mapping[str, str]) -> str:
        context = ScriptContext(self._directory, hints=dict(hints), programs=self._directory / PROGRAMS)
        try:
            output = self._scripts.output(
                script, ARGUMENT, context, seconds=TIMEOUT, max_bytes=MAX_OUTPUT_BYTES
            )
        except (NoAnswerError, OSError) as error:
            log.warning("cannot get the capabilities of %s: %s", hints["LGI_APPLICATION"], error)
            return ""
        # A server rejects characters that XML does not allow, and with them the whole sign-up.
        return " ".join("".join(char for char in output if char.isprintable() or char.isspace()).split())
