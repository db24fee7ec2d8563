"""A user's configuration directory, as LGI's tools read it from ``~/.LGI``."""

from pathlib import Path

from lgi_tools.certificates import key_files
from lgi_tools.certificates.authority import Issued

FILES = ("user", "groups", "defaultserver", "defaultproject", "privatekey", "certificate", "ca_chain")


def check_free(directory: Path) -> None:
    """FileExistsError when a file that `write` makes is there already."""
    for name in FILES:
        if (directory / name).exists():
            raise FileExistsError(f"{directory / name} is there already: say --force to replace it")


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
    """Write the directory of a user, its owner's only. Raises FileExistsError unless files may be replaced.

    A server or project that is not given is left out: the tools then ask for it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    texts = {
        "user": user,
        # A certificate without groups still grants the user's own name, and the tools need one group.
        "groups": ", ".join(groups or (user,)),
        "defaultserver": server,
        "defaultproject": project,
    }
    for name, text in texts.items():
        if text:
            data = f"{text}\n".encode()
            key_files.write_file(directory / name, data, key_files.PUBLIC, replace)
    copies = {"privatekey": issued.key, "certificate": issued.certificate, "ca_chain": ca_file}
    for name, source in copies.items():
        mode = key_files.SECRET if name == "privatekey" else key_files.PUBLIC
        key_files.write_file(directory / name, source.read_bytes(), mode, replace)
