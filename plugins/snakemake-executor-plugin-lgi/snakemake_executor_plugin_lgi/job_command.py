"""The command of a job: Snakemake itself, for one rule, in a directory that is shared or one of the job's."""

import os
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from snakemake_interface_common.exceptions import WorkflowError

from lgi_tools.client import command_line, submit_directory

# Bytes of a script up to which it is sent with the job; servers take 64 kB in all.
_LONGEST = 40_000
_LOGS, _SCRIPTS = ".snakemake/lgi_logs", ".snakemake/lgi_scripts"


@dataclass(frozen=True)
class JobCommand:
    """A command for a shell; ``digest`` is that of `JobIdentity`, ``rule`` is for the name of its log."""

    text: str
    rule: str
    digest: str

    @property
    def log(self) -> str:
        """The file in which a job that runs here writes what it prints."""
        rule = re.sub("[^A-Za-z0-9_.-]", "_", self.rule)[:60]
        return os.path.abspath(os.path.join(_LOGS, f"{rule}-{self.digest[:12]}.log"))

    @property
    def _script(self) -> str:
        return os.path.abspath(os.path.join(_SCRIPTS, f"{self.digest}.sh"))

    def here(self, variables: Mapping[str, str]) -> tuple[bytes, str]:
        """Return input and specifics for a job in this directory. Raises WorkflowError, OSError.

        It finds the programs that are found here, then those of the resource.
        """
        try:
            place = submit_directory.current_directory()
        except ValueError as error:
            raise WorkflowError(f"no job can run in the directory of this workflow: {error}") from None
        os.makedirs(_LOGS, exist_ok=True)
        lines = (
            f"PATH={shlex.quote(os.environ.get('PATH', ''))}${{PATH:+:$PATH}}; export PATH",
            f"exec > {shlex.quote(self.log)} 2>&1",
            self._body(),
        )
        return _input("\n".join(lines), variables, place.path), place.as_xml()

    def elsewhere(self, variables: Mapping[str, str]) -> bytes:
        """Return the input of a job that runs in a directory of its own. Raises WorkflowError."""
        return _input(self.text, variables, "")

    def _body(self) -> str:
        if len(self.text.encode("utf-8", "surrogateescape")) <= _LONGEST:
            return self.text
        os.makedirs(_SCRIPTS, mode=0o700, exist_ok=True)
        with open(self._script, "w", encoding="utf-8", errors="surrogateescape") as opened:
            opened.write(f"{self.text}\n")
        return f"exec sh {shlex.quote(self._script)}"

    def remove_script(self) -> None:
        """Remove what `here` has written for a job that has ended."""
        with suppress(OSError):
            os.unlink(self._script)


def _input(text: str, variables: Mapping[str, str], here: str) -> bytes:
    try:
        return command_line.of_words(["sh", "-c", text], variables=variables, here=here).input
    except ValueError as error:
        raise WorkflowError(f"a job of the workflow cannot be submitted: {error}") from None
