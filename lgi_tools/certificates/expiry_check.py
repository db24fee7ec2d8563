"""Check the expiry of certificates and revocation lists of a CA, a user, a daemon or a server."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from lgi_protocol import expiry, xml
from lgi_protocol.value_object import value_object
from lgi_tools.certificates import inventory, revocation_list
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.ca import CERTIFICATE, REVOCATIONS

_DAEMON_TAGS = ("ca_certificate_file", "resource_certificate_file")
_SERVER_KEYS = ("server_certificate", "ca_certificate", "peer_certificate", "jobs_certificate", "crl")
_USER_FILES = ("certificate", "ca_chain")


@value_object
class ExpiryFinding:
    """One file: its holder, expiry and state. ``bad`` needs the attention of an administrator."""

    file: Path
    name: str
    end: datetime | None
    state: str
    bad: bool


def scan(place: Path, now: datetime, warning: timedelta) -> list[ExpiryFinding]:
    """Return the findings in a CA's directory, one like ``~/.LGI``, a configuration or a PEM file.

    Raises ValueError or OSError when ``place`` is none of these.
    """
    if place.is_dir():
        return list(_directory(place, now, warning))
    text = place.read_text("utf-8", "replace")
    if "-----BEGIN " in text:
        return [_file(place, now, warning)]
    named = list(_named(place, text))
    if not named:
        raise ValueError(f"{place} is neither a certificate nor a configuration that names one")
    return [_file(file, now, warning) for file in dict.fromkeys(named)]


def has_certificates(directory: Path) -> bool:
    """Return whether a directory is that of a CA or of a user."""
    return any((directory / name).exists() for name in (CERTIFICATE, *_USER_FILES))


def _directory(place: Path, now: datetime, warning: timedelta) -> Iterator[ExpiryFinding]:
    if (place / CERTIFICATE).exists():
        for entry in inventory.entries(place, now):
            finding = _judged(place / entry.file, entry.common_name, entry.expires, now, warning)
            # The expiry of a revoked certificate is irrelevant.
            revoked = ExpiryFinding(finding.file, finding.name, finding.end, "revoked", bad=False)
            yield revoked if entry.state == "revoked" else finding
        if (place / REVOCATIONS).exists():
            yield _file(place / REVOCATIONS, now, warning)
        return
    files = [place / name for name in _USER_FILES if (place / name).exists()]
    if not files:
        raise ValueError(f"{place} contains no certificates")
    yield from (_file(file, now, warning) for file in files)


def _named(place: Path, text: str) -> Iterator[Path]:
    """Yield the certificate files named in the configuration of a daemon or server.

    Relative paths start at the configuration's directory; a daemon's also at the working directory.
    """
    root = xml.find(re.sub("<!--.*?-->", " ", text, flags=re.DOTALL), "LGI")
    if root is not None:
        resource = xml.find(root.inside, "resource")
        for tag in _DAEMON_TAGS:
            value = xml.value(root.inside, tag) or (xml.value(resource.inside, tag) if resource else "")
            if value:
                relative = place.absolute().parent / value
                yield relative if relative.exists() or not Path(value).exists() else Path(value)
        return
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if equals and value and key in _SERVER_KEYS:
            yield place.absolute().parent / value


def _file(file: Path, now: datetime, warning: timedelta) -> ExpiryFinding:
    try:
        if b"BEGIN X509 CRL" in file.read_bytes():
            end = revocation_list.read(file).next_update_utc
            return _judged(file, "revocation list", end, now, warning)
        name = inventory.name_of(read_certificate(file))
        begin, end = expiry.validity(file)
        if now < begin:
            return ExpiryFinding(file, name, end, expiry.not_yet_valid(begin), bad=True)
        return _judged(file, name, end, now, warning)
    except OSError as error:
        return ExpiryFinding(file, "-", None, f"cannot be read: {error.strerror}", bad=True)
    except ValueError:
        return ExpiryFinding(file, "-", None, "contains no certificate", bad=True)


def _judged(file: Path, name: str, end: datetime | None, now: datetime, warning: timedelta) -> ExpiryFinding:
    if end is None:
        return ExpiryFinding(file, name, None, "never expires", bad=False)
    soon = end - now < warning
    return ExpiryFinding(file, name, end, expiry.describe(end, now) if soon else "good", bad=soon)


def table(findings: list[ExpiryFinding]) -> str:
    """Return the findings as a table with a heading."""
    rows = [("file", "name", "expires on", "state")]
    for each in findings:
        rows.append((str(each.file), each.name, f"{each.end:%Y-%m-%d}" if each.end else "-", each.state))
    return inventory.aligned(rows)
