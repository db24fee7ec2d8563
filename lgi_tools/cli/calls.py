"""A user's calls on one project server, their errors worded as LGI's tools do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lgi_protocol.client import Client
from lgi_protocol.reply import Reply
from lgi_tools.cli.program import require_elements, translate_errors
from lgi_tools.client.interface_calls import SUBMIT, Caller
from lgi_tools.client.progress import ProgressCallback
from lgi_tools.client.settings import Settings


def connect(chosen: Settings) -> Client:
    """A client with the settings' credentials; ClickException names a file that cannot be used."""
    try:
        return Client(chosen.server, chosen.credentials())
    except ValueError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _plain_values() -> Iterator[None]:
    """A value that cannot be sent ends a command in plain words."""
    try:
        yield
    except ValueError as error:
        raise click.ClickException(str(error)) from None


class UserCalls:
    """Interface calls as the user of the settings; a busy server is asked again for a minute."""

    def __init__(self, chosen: Settings) -> None:
        """The connection is made by the first call and kept."""
        self._client = connect(chosen)
        self._caller = Caller(self._client, chosen)

    def call(self, name: str, fields: dict[str, str] | None = None, *expected: str) -> Reply:
        """One call of ``interfaces/interface_<name>``.

        Raises CallError, also for an answer that has none of the ``expected`` elements.
        """
        with _plain_values(), translate_errors(self._client.server):
            reply = self._caller.call(name, fields or {})
        require_elements(self._client.server, reply, *(expected or ("project",)))
        return reply

    def submit(
        self, fields: dict[str, str], files: tuple[Path, ...] = (), watch: ProgressCallback | None = None
    ) -> Reply:
        """A new job: one, also when the answer is lost on the way. Raises CallError, OSError for a file."""
        with _plain_values(), translate_errors(self._client.server):
            reply = self._caller.call(SUBMIT, fields, files, watch)
        require_elements(self._client.server, reply, "job")
        return reply
