"""A mail server on loopback that keeps what it gets."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.support.ports import free_port


@dataclass
class MailServer:
    """The messages that have arrived, each with its recipients; ``refusal`` is answered to each recipient."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    refusal: str = ""

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Take a recipient, or refuse it."""
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep a message."""
        self.messages.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"

    def login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        """Keep a login, and accept it."""
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login, given.password))
        return AuthResult(success=True)


@contextmanager
def mail_server(context: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    """Run a mail server during a block; with a context of TLS it wants STARTTLS and a login."""
    made = MailServer(free_port())
    secure: dict[str, Any] = {}
    if context is not None:
        secure = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": made.login,
        }
    # A busy machine may take long to start it; a name service is not asked for its name.
    controller = Controller(
        made,
        hostname="127.0.0.1",
        port=made.port,
        ready_timeout=60.0,
        server_hostname="localhost",
        **secure,
    )
    controller.start()
    try:
        yield made
    finally:
        controller.stop()
