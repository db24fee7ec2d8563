"""A user's calls on a project server, as used by all tools and both Python classes."""

import logging
from collections.abc import Mapping
from pathlib import Path

from lgi_protocol.client import Client, retry_on_busy
from lgi_protocol.errors import TransportError
from lgi_protocol.reply import Reply
from lgi_tools.client import idempotent_submit, job_plan
from lgi_tools.client.progress import ProgressCallback
from lgi_tools.client.settings import Settings
from lgi_tools.client.text import one_line, shortened
from lgi_tools.client.timing import DEFAULT, Timing

SUBMIT, RESUBMIT = "submit_job", "resubmit_jobs"
_log = logging.getLogger(__name__)


class Caller:
    """Interface calls as the user of the settings. A busy server is retried for one minute."""

    def __init__(self, client: Client, chosen: Settings, timing: Timing = DEFAULT) -> None:
        """Use ``client``, which the caller closes."""
        self._client = client
        self._timing = timing
        self.fields = {"project": chosen.project, "user": chosen.user, "groups": chosen.groups}

    def call(
        self,
        name: str,
        fields: Mapping[str, str],
        files: tuple[Path, ...] = (),
        watch: ProgressCallback | None = None,
    ) -> Reply:
        """Make one call of ``interfaces/interface_<name>``; a submit is retried, and creates one job.

        Raises ServerError, TransportError, OSError for a file, ValueError for a field that is not UTF-8.
        """
        every, call = self.fields | dict(fields), f"interfaces/interface_{name}"
        check_text(every)
        _log.info("calling %s of %s", name, self._client.server)
        if name == SUBMIT and job_plan.is_planned(fields):
            job_plan.check_known(self._client.server, fields, self._about())
        if name in {SUBMIT, RESUBMIT}:
            reply = idempotent_submit.submit_once(
                self._client, call, every, files, timing=self._timing, watch=watch
            )
        else:
            reply = retry_on_busy(lambda: self._client.post(call, every, files), self._timing.retry_seconds)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("answered: %s", one_line(reply.content))
        return reply

    def _about(self) -> Reply | None:
        """Return the answer of a server to a submit of no jobs, None from one that knows no such call."""
        nothing = self.fields | {"jobs": "[]"}
        try:
            return retry_on_busy(
                lambda: self._client.post("interfaces/interface_submit_jobs", nothing),
                self._timing.retry_seconds,
            )
        except TransportError as error:
            if is_unknown_call(error):
                return None
            raise


def check_text(fields: Mapping[str, str]) -> None:
    """Raise ValueError naming a field whose text is not UTF-8, as from a command-line argument."""
    for name, value in fields.items():
        if any("\udc80" <= char <= "\udcff" for char in value):
            raise ValueError(f"{name} is not UTF-8: {shortened(value)!r}")


def is_unknown_call(error: TransportError) -> bool:
    """Return whether an error means that the server is too old to know the call."""
    return error.excerpt.startswith("HTTP 404")
