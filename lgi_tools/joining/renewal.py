"""The renewal of a user's certificate: the same key, shown by the present certificate."""

from datetime import UTC, datetime
from pathlib import Path

from lgi_protocol import common_name
from lgi_protocol.client import is_https
from lgi_tools.certificates import inventory, keys
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.joining import client
from lgi_tools.joining.client import JoinError
from lgi_tools.joining.issuer import RENEWAL
from lgi_tools.joining.login_directory import AUTHORITY, CA, CERTIFICATE, KEY


def renew(directory: Path, url: str | None) -> bool:
    """Replace the certificate of a user's directory, if it expires soon. Returns whether it was replaced.

    ``url`` is that of the enrolment server; without one it is that of the login. Raises JoinError, also when
    the certificate has expired, OSError, ValueError.
    """
    file = directory / CERTIFICATE
    present, now = read_certificate(file), datetime.now(UTC)
    if present.not_valid_after_utc <= now:
        raise JoinError(f"{file} has expired: ask the administrator for a new token")
    if present.not_valid_after_utc - now >= RENEWAL:
        return False
    key, pem = keys.read_key(directory / KEY), file.read_text("ascii")
    renewed = client.renew(_url(directory, url), pem, key, (directory / CA).read_text("ascii"))
    if renewed.name != common_name.parse(inventory.name_of(present)).name:
        raise JoinError(f"the received certificate is for {renewed.name!r}")
    # In place of a link the file that it leads to.
    keys.write_file(file.resolve(), renewed.certificate.encode(), keys.PUBLIC, replace=True)
    if read_certificate(file).not_valid_after_utc <= present.not_valid_after_utc:
        raise JoinError(f"the CA has not renewed {file}: ask the administrator")
    return True


def _url(directory: Path, url: str | None) -> str:
    if not url:
        try:
            url = (directory / AUTHORITY).read_text("utf-8").strip()
        except FileNotFoundError:
            raise ValueError(f"{directory / AUTHORITY} does not exist: give the URL of the CA") from None
    if not is_https(url):
        raise ValueError(f"{url!r} is not a URL that begins with https://")
    return url.rstrip("/")
