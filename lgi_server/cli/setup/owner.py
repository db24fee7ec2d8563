"""The account that runs a project server: it gets what root has made for it."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from lgi_server.cli.setup import grid_options
from lgi_server.config.model import Config
from lgi_server.services.project.recorded_changes import AdministrationError

PACKAGED = "lgi"


def default_directory() -> Path:
    """Return where a grid is made by default: for root where the packages' account can read it."""
    is_packaged = os.geteuid() == 0 and PACKAGED in _names() and grid_options.PACKAGED.is_dir()
    return grid_options.PACKAGED if is_packaged else Path()


def account(name: str | None) -> str:
    """Return the account that is to run the server; AdministrationError for one that cannot.

    By default it is the one that runs this program; for root ``lgi`` where there is such an account.
    """
    own = own_name()
    if name is None:
        return PACKAGED if own == "root" and PACKAGED in _names() else own
    if name not in _names():
        raise AdministrationError(
            f"--user {name}: there is no such account: make it with useradd --system {name}"
        )
    if name != own and os.geteuid() != 0:
        raise AdministrationError(f"--user {name}: only root can give files to another account")
    return name


def own_name() -> str:
    """Return the account of this program; ``uid1234`` for a number without a name, as in containers."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid{os.geteuid()}"


def _names() -> set[str]:
    return {one.pw_name for one in pwd.getpwall()}


def give_to(user: str, config: Config, certificates: Path) -> None:
    """Give an account the directory of its configuration, its data and its keys; never the key of the CA."""
    if os.geteuid() != 0 or user == "root":
        return
    found = pwd.getpwnam(user)
    for path in _files(config):
        os.chown(path, found.pw_uid, found.pw_gid, follow_symlinks=False)
    # The account reads what it is given there, and lists nothing else.
    os.chown(certificates, -1, found.pw_gid)
    certificates.chmod(0o710)


def _files(config: Config) -> Iterator[Path]:
    for top in {config.path.parent, config.repository.parent}:
        for directory, _, names in os.walk(top):
            yield Path(directory)
            yield from (Path(directory) / name for name in names)
    yield from (path for path in (config.server_key, config.peer_key) if path)
