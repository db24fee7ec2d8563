"""Checks that involve several settings of the configuration."""

from lgi_server.config import notifications, object_store, repository_host
from lgi_server.config.document import Document
from lgi_server.config.model import Config
from lgi_server.config.notifications import NotificationSettings

_OWN_TLS = ("server_certificate", "server_key")
# The server makes these two when neither is there yet.
_JOBS = ("jobs_certificate", "jobs_key")


def check(document: Document, config: Config) -> None:
    """Check a configuration whose settings are valid one by one. Raises ConfigError."""
    if not config.repository.is_dir():
        why = "there is no such directory: make it, and let the server's user write to it"
        raise document.error("repository", "repository", why, str(config.repository))
    jobs = [name for name in _JOBS if getattr(config, name)]
    if len(jobs) == 1:
        raise document.error("certificates", jobs[0], f"{jobs[0]} is set: {' and '.join(_JOBS)} go together")
    if config.front_end_header:
        _check_front_end(document, config)
    else:
        _check_own_tls(document, config)
    _check_notifications(document, config.notifications)
    if config.remote:
        _check_ssh_files(document, config.remote)
    if config.object_store:
        _check_object_store(document, config, config.object_store)


def _check_front_end(document: Document, config: Config) -> None:
    """Check that only the front end can write its header: by a socket of files, or by a secret."""
    if not config.listen.startswith("unix:") and config.front_end_secret is None:
        why = "anybody could write that header: listen on unix:/path, or set front_end_secret"
        raise document.error("front_end", "front_end_header", why, config.front_end_header)


def _check_own_tls(document: Document, config: Config) -> None:
    if config.listen.startswith("unix:"):
        why = "what listens there has TLS spoken for it: set front_end_header in [front_end]"
        raise document.error("server", "listen", why, config.listen)
    if config.front_end_secret is not None:
        why = "front_end_secret is set, front_end_header is not"
        raise document.error("front_end", "front_end_secret", why)
    for name in _OWN_TLS:
        if getattr(config, name) is None:
            raise document.error("certificates", "", f"the setting {name!r} is missing")


def _check_notifications(document: Document, settings: NotificationSettings) -> None:
    if settings.mail and not settings.mail_from:
        raise document.error("notifications", "mail", "mail is on: set mail_from, the address of the sender")
    if bool(settings.mail_user) != bool(settings.mail_password_file):
        why = "mail_user and mail_password_file go together"
        raise document.error("notifications", "mail_user", why)
    if settings.mail_user and settings.mail_security == notifications.PLAIN:
        why = "the password would be sent in the clear: set mail_security to starttls or tls"
        raise document.error("notifications", "mail_security", why)
    if settings.webhooks and not settings.webhook_hosts:
        why = "webhooks are on: set webhook_hosts, to which they may be sent"
        raise document.error("notifications", "webhooks", why)


def _check_object_store(document: Document, config: Config, store: object_store.ObjectStore) -> None:
    if config.remote:
        why = "repositories are in an object store, or on a repository host: remove one of the sections"
        raise document.error("object_store", "object_store_url", why, store.url)
    try:
        object_store.read_credentials(store)
    except (OSError, ValueError) as error:
        why = str(error.strerror if isinstance(error, OSError) else error)
        path = str(store.credentials)
        raise document.error("object_store", "object_store_credentials", why, path) from None


def _check_ssh_files(document: Document, host: repository_host.RepositoryHost) -> None:
    for name, path in (("ssh_key", host.ssh_key), ("known_hosts", host.known_hosts)):
        if not repository_host.is_plain(path):
            why = "ssh takes no path with blanks, quotes, %, $ or a backslash"
            raise document.error("repository_host", f"repository_{name}", why, str(path))
