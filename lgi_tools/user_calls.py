"""A user's calls on one project server."""

import logging
from pathlib import Path

import click

from lgi_protocol.client import Client, Reply, with_back_off
from lgi_tools import safe_submit
from lgi_tools.program import calls_to, expect
from lgi_tools.progress import Watch
from lgi_tools.settings import Settings
from lgi_tools.terminal import one_line

PATIENCE = 60.0
_log = logging.getLogger(__name__)


def connect(chosen: Settings) -> Client:
    """A client with the settings' credentials; ClickException names a file that cannot be used."""
    try:
        return Client(chosen.server, chosen.credentials())
    except ValueError as error:
        raise click.ClickException(str(error)) from None


class UserCalls:
    """Interface calls as the user of the settings; a busy server is asked again for a minute."""

    def __init__(self, chosen: Settings) -> None:
        """The connection is made by the first call and kept."""
        self._client = connect(chosen)
        self._caller = {"project": chosen.project, "user": chosen.user, "groups": chosen.groups}

    def call(self, name: str, fields: dict[str, str] | None = None, *expected: str) -> Reply:
        """One call of ``interfaces/interface_<name>``.

        Raises CallFailed, also for an answer that has none of the ``expected`` elements.
        """
        every = self._caller | (fields or {})
        _log.info("calling %s of %s", name, self._client.server)
        with calls_to(self._client.server):
            reply = with_back_off(lambda: self._client.post(f"interfaces/interface_{name}", every), PATIENCE)
        _log.debug("answered: %s", one_line(reply.content))
        expect(self._client.server, reply, *(expected or ("project",)))
        return reply

    def submit(
        self, fields: dict[str, str], files: tuple[Path, ...] = (), watch: Watch | None = None
    ) -> Reply:
        """A new job: one, also when the answer is lost on the way. Raises CallFailed, OSError for a file."""
        _log.info("submitting to %s", self._client.server)
        with calls_to(self._client.server):
            reply = safe_submit.submit(
                self._client, "interfaces/interface_submit_job", self._caller | fields, files, watch=watch
            )
        _log.debug("answered: %s", one_line(reply.content))
        expect(self._client.server, reply, "job")
        return reply
