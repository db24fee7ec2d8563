"""The file of LGI_resources: the hosts, and where the daemon is on each."""

import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from lgi_protocol.value_object import value_object

MOST = 1000
# No text that ssh or a shell reads as an option, or as more than a word.
_ADDRESS = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:_-]{0,252}\Z", re.ASCII)
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,63}\Z", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@:,=-]{0,500}\Z", re.ASCII)
_OPTION = re.compile(r"[A-Za-z0-9_./+@:,=-]{1,500}\Z", re.ASCII)


@value_object
class Host:
    """A host: its name in the file, and how to get to the daemon there.

    ``directory`` has LGI.cfg; it and ``program`` are relative to the home directory there. ``user`` and
    ``port`` are left to the configuration of ssh when they are empty and 0.
    """

    name: str
    address: str
    user: str = ""
    port: int = 0
    directory: str = "daemon"
    program: str = "LGI_daemon"
    options: tuple[str, ...] = ()


_KEYS: Mapping[str, type] = {
    **{one.name: str for one in fields(Host) if one.name != "name"},
    "port": int,
    "options": list,
}


def read(path: Path) -> list[Host]:
    """Return the hosts of a file, in its order. Raises ValueError, or OSError when it cannot be read."""
    with path.open("rb") as file:
        status = stat.S_IMODE(path.stat().st_mode)
        if status & (stat.S_IWGRP | stat.S_IWOTH):
            raise ValueError(f"{path} can be changed by others: chmod go-w {path}")
        try:
            content = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is no TOML: {error}") from None
    if unknown := content.keys() - {"defaults", "hosts"}:
        raise ValueError(f"{path} has {min(unknown)!r}: known are [defaults] and [hosts.NAME]")
    usual, tables = content.get("defaults", {}), content.get("hosts", {})
    if not isinstance(usual, dict) or not isinstance(tables, dict) or not 0 < len(tables) <= MOST:
        raise ValueError(f"{path} has no tables [hosts.NAME], or more than {MOST}")
    if "address" in usual:
        raise ValueError(f"{path}: address is no default, each host has its own")
    return [_host(path, name, table, usual) for name, table in tables.items()]


def _host(path: Path, name: str, table: Any, usual: Mapping[str, Any]) -> Host:
    if not isinstance(table, dict):
        raise ValueError(f"{path}: hosts.{name} is no table: write [hosts.{name}]")
    given = {"address": name, **usual, **table}
    for key, value in given.items():
        if key not in _KEYS:
            raise ValueError(f"{path}: host {name} has a key {key!r}, known are: {', '.join(sorted(_KEYS))}")
        if type(value) is not _KEYS[key]:
            raise ValueError(f"{path}: {key} of host {name} is no {_WORDS[_KEYS[key]]}: {value!r}")
    given["options"] = tuple(given.get("options", ()))
    host = Host(name=name, **given)
    for what, is_good in _checks(host):
        if not is_good:
            raise ValueError(f"{path}: the {what} of host {name!r} is not acceptable")
    return host


_WORDS = {str: "text", int: "number", list: "list"}


def _checks(host: Host) -> list[tuple[str, bool]]:
    return [
        ("name", bool(_ADDRESS.match(host.name))),
        ("address", bool(_ADDRESS.match(host.address))),
        ("user", not host.user or bool(_USER.match(host.user))),
        ("port", 0 <= host.port < 2**16),
        ("directory", bool(_PATH.match(host.directory))),
        ("program", bool(_PATH.match(host.program))),
        ("list of options", all(isinstance(one, str) and _OPTION.match(one) for one in host.options)),
    ]
