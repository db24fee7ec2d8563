"""A user's configuration directory, as LGI's tools read it from ``~/.LGI``."""

from dataclasses import dataclass
from pathlib import Path

from lgi_protocol import comma_lists
from lgi_tools.certificates import keys
from lgi_tools.certificates.entity import Issued

FILES = ("user", "groups", "defaultserver", "defaultproject", "privatekey", "certificate", "ca_chain")


def check_free(directory: Path) -> None:
    """FileExistsError when a file that `write` makes is there already."""
    for name in FILES:
        if (directory / name).exists():
            raise FileExistsError(f"{directory / name} is there already: say --force to replace it")


@dataclass(frozen=True)
class Owner:
    """What is written beside key and certificates; what is empty is left out, and the tools ask for it."""

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
    """Write a user's directory, its owner's only. Raises FileExistsError unless files may be replaced."""
    pems = tuple(path.read_bytes() for path in (issued.key, issued.certificate, ca_file))
    write_pems(directory, pems, Owner(user, groups, server, project), replace)


def write_pems(directory: Path, pems: tuple[bytes, ...], owner: Owner, replace: bool = False) -> None:
    """The same, from key, certificate and CA certificate themselves."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    texts = {
        "user": owner.user,
        # A certificate without groups still grants the user's own name, and the tools need one group. One
        # for any group grants it too, and which other ones its owner works for nobody knows here.
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
