"""The settings of notifications: the mail server, the hosts of webhooks, and how many are sent."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lgi_protocol import notification
from lgi_server.config import values
from lgi_server.config.setting import setting

STARTTLS, TLS, PLAIN = "starttls", "tls", "none"
_PORTS = {STARTTLS: 587, TLS: 465, PLAIN: 25}
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class WebhookHost:
    """A host, or with ``*.`` all hosts of a domain, to which webhooks may be sent."""

    scheme: str
    name: str
    port: int

    def matches(self, scheme: str, host: str, port: int) -> bool:
        """Return whether an address is one of this entry."""
        if (scheme, port) != (self.scheme, self.port):
            return False
        name = host.lower()
        return name.endswith(self.name[1:]) if self.name.startswith("*.") else name == self.name


def _items(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _host(text: str) -> WebhookHost:
    parts = urlsplit(text if "://" in text else f"https://{text}")
    host = (parts.hostname or "").lower()
    is_address = ":" in host
    if parts.scheme not in {"https", "http"} or parts.path or parts.query or "@" in parts.netloc:
        raise ValueError(
            f"{text!r} is no host: write hooks.example.org, *.example.org or http://10.0.0.5:8080"
        )
    if not is_address and not _HOST.fullmatch(host):
        raise ValueError(
            f"{text!r} is no host: write hooks.example.org, *.example.org or http://10.0.0.5:8080"
        )
    return WebhookHost(parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80))


def hosts(text: str) -> tuple[WebhookHost, ...]:
    """Return the hosts of webhooks in a comma list."""
    return tuple(map(_host, _items(text)))


def networks(text: str) -> tuple[Network, ...]:
    """Return the networks in a comma list."""
    return tuple(ipaddress.ip_network(part) for part in _items(text))


def security(text: str) -> str:
    """Return how the connection to the mail server is protected."""
    if text not in _PORTS:
        raise ValueError(f"write {', '.join(_PORTS)}")
    return text


def mail_host(text: str) -> str:
    """Return the name or address of the mail server."""
    if not re.fullmatch(r"[A-Za-z0-9.:-]+", text, re.ASCII):
        raise ValueError("write the name of the mail server, as smtp.example.org")
    return text


def mail_addresses(text: str) -> tuple[str, ...]:
    """Return mail addresses and domains in a comma list."""
    found = []
    for part in _items(text):
        if not notification.is_domain(part):
            notification.check_mail(part)
        found.append(part.lower() if "@" not in part else notification.check_mail(part))
    return tuple(found)


@dataclass(frozen=True)
class NotificationSettings:
    """What users may be told of their jobs, and how. Both ways are off by default.

    ``webhook_networks`` are those of private, local and reserved addresses that webhooks may reach.
    """

    mail: bool = setting(values.yes_or_no, default=False)
    mail_host: str = setting(mail_host, default="localhost")
    mail_port: int | None = setting(values.positive, default=None)
    mail_security: str = setting(security, default=STARTTLS)
    mail_user: str = setting(str, default="")
    mail_password_file: Path | None = setting(Path, is_file=True, default=None)
    mail_from: str = setting(notification.check_mail, default="")
    webhooks: bool = setting(values.yes_or_no, default=False)
    webhook_hosts: tuple[WebhookHost, ...] = setting(hosts, is_list=True, default_factory=tuple)
    webhook_networks: tuple[Network, ...] = setting(networks, is_list=True, default_factory=tuple)
    # Notifications that are sent in an hour; the others wait.
    most_of_user: int = setting(values.positive, default=60)
    most_of_project: int = setting(values.positive, default=1000)

    @property
    def port(self) -> int:
        """The port of the mail server."""
        return self.mail_port or _PORTS[self.mail_security]

    @property
    def is_on(self) -> bool:
        """Whether anything is sent."""
        return self.mail or self.webhooks
