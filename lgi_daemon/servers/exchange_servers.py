"""Which servers take exchanges, by their last sign-up: all others get the calls of LGI."""

from dataclasses import dataclass, replace
from threading import Lock

from lgi_protocol import exchange
from lgi_protocol.sign_up import SignUp

# A master may name servers without end.
_MAX_REMEMBERED = 1024


@dataclass(frozen=True)
class Announcement:
    """The last sign-up for a project at a server, at ``at`` in seconds of the daemon's clock.

    ``capabilities`` are those the server has. ``doubtful``: a call has failed since, so the server may be
    another one by now.
    """

    project: str
    server: str
    sign_up: SignUp
    at: float
    capabilities: str = ""
    doubtful: bool = False

    @property
    def takes_exchanges(self) -> bool:
        """Whether the server has the call, in a version that this daemon knows."""
        return self.sign_up.exchange >= exchange.VERSION

    @property
    def takes_files(self) -> bool:
        """Whether reports in exchanges may have files for the repositories of their jobs."""
        return self.sign_up.exchange >= exchange.WITH_FILES


class ExchangeServers:
    """The announcements of all servers, for several threads."""

    def __init__(self) -> None:
        """Know no server."""
        self._guard = Lock()
        self._known: dict[tuple[str, str], Announcement] = {}

    def signed_up(self, project: str, server: str, sign_up: SignUp, now: float, capabilities: str) -> None:
        """Record the answer to a sign-up; empty capabilities have left those of the server as they were."""
        with self._guard:
            before = self._known.pop((project, server), None)
            if not capabilities and before is not None:
                capabilities = before.capabilities
            self._known[project, server] = Announcement(project, server, sign_up, now, capabilities)
            while len(self._known) > _MAX_REMEMBERED:
                del self._known[next(iter(self._known))]

    def announcement(self, project: str, server: str) -> Announcement | None:
        """Return what a server that takes exchanges has announced; None for another and an unknown one."""
        known = self._known.get((project, server))
        return known if known is not None and known.takes_exchanges else None

    def is_known(self, project: str, server: str) -> bool:
        """Return whether a sign-up at a server has been answered."""
        return (project, server) in self._known

    def doubt(self, project: str, server: str) -> None:
        """Record that a call has failed: a sign-up comes before the next one."""
        self._change(project, server, doubtful=True)

    def sent_capabilities(self, project: str, server: str, capabilities: str) -> None:
        """Record that a server has other capabilities now."""
        self._change(project, server, capabilities=capabilities)

    def _change(self, project: str, server: str, **changes: object) -> None:
        with self._guard:
            known = self._known.get((project, server))
            if known is not None:
                self._known[project, server] = replace(known, **changes)  # type: ignore[arg-type]
