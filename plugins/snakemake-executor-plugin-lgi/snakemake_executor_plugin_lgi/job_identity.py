"""What makes jobs of two runs the same: their arguments, shell commands, and the files of the workflow.

The command by which a job is started is no use for that: it has temporary directories of its run, and lists
in random order.
"""

import os
from collections.abc import Iterator
from typing import Any

from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from snakemake_executor_plugin_lgi.labels import digest_of

# Bytes of a source file that are looked at.
_MOST = 64 * 1024 * 1024


class JobIdentity:
    """Knows the files of a workflow as they were when Snakemake began."""

    def __init__(self, workflow: Any) -> None:
        """Read the files of a workflow: rules, configuration, scripts. Those of elsewhere are passed over."""
        self._sources = digest_of(f"{path}\0{_content(path)}" for path in sorted(set(_sources(workflow))))

    def of(self, job: JobExecutorInterface, arguments: str) -> str:
        """Return 32 hexadecimal digits for a job with its arguments."""
        members = job.jobs if job.is_group() else [job]
        commands = sorted(str(getattr(member, "shellcmd", "")) for member in members)
        return digest_of([self._sources, arguments, *commands])


def _sources(workflow: Any) -> Iterator[str]:
    for source in workflow.included:
        yield str(source.get_path_or_uri(secret_free=True))
    yield from (os.path.abspath(str(path)) for path in workflow.configfiles)
    for rule in workflow.rules:
        script = rule.script or rule.notebook
        if script and not callable(script):
            yield str(rule.basedir.join(str(script)).get_path_or_uri(secret_free=True))


def _content(path: str) -> str:
    try:
        with open(path, "rb") as opened:
            return digest_of([opened.read(_MOST).decode("latin-1")])
    except (OSError, ValueError):
        return ""
