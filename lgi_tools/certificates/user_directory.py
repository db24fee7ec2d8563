"""A user's configuration directory, as LGI's tools read it from ``~/.LGI``."""

from pathlib import Path

from lgi_protocol import comma_lists
from lgi_protocol.value_object import value_object
from lgi_tools.certificates import keys
from lgi_tools.certificates.entity import Issued

FILES = ("user", "groups", "defaultserver", "defaultproject", "privatekey", "certificate", "ca_chain")


def check_free(directory: Path) -> None:
    """Raise FileExistsError when a file that `write` creates already exists."""
    for name in FILES:
        if (directory / name).exists():
            raise FileExistsError(f"{directory / name} already exists: use --force to replace it")


@value_object
class Owner:
    """The settings in a user's directory. Empty values are not written, so that the tools ask for them."""

    user: str
    groups: tuple[str, ...]
    server: str = ""
    project: str = ""


def write(
    directory: Path,
    issued: Issued,
    ca_file: Path,
    *,
    user: str,
    groups: tuple[str, ...],
    server: str = "",
    project: str = "",
    replace: bool = False,
) -> None:
    """Write a user's directory with mode 0700. Raises FileExistsError unless ``replace`` is set."""
    pems = tuple(path.read_bytes() for path in (issued.key, issued.certificate, ca_file))
    write_pems(directory, pems, Owner(user, groups, server, project), replace)


def write_pems(directory: Path, pems: tuple[bytes, ...], owner: Owner, replace: bool = False) -> None:
    """Write a user's directory from the PEM texts of key, certificate and CA certificate."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    texts = {
        "user": owner.user,
        # The tools need one group. Every certificate grants the user's own name as group, also one without
        # groups or for any group, of which the others are unknown here.
        "groups": comma_lists.join(
            [name for name in owner.groups if name != comma_lists.ANY] or [owner.user]
        ),
        "defaultserver": owner.server,
        "defaultproject": owner.project,
    }
    for name, text in texts.items():
        if text:
            data = f"{text}\n".encode()
            keys.write_file(directory / name, data, keys.PUBLIC, replace)
    for name, pem in zip(("privatekey", "certificate", "ca_chain"), pems, strict=True):
        mode = keys.SECRET if name == "privatekey" else keys.PUBLIC
        keys.write_file(directory / name, pem, mode, replace)
