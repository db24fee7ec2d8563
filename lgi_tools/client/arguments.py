"""What a script gives as arguments, completed from ``~/.LGI`` as the tools' options are."""

from collections.abc import Mapping

from lgi_tools.client import settings
from lgi_tools.client.settings import Settings, SettingsError

_FILES = {
    "server": "defaultserver",
    "user": "user",
    "groups": "groups",
    "certificate": "certificate",
    "key": "privatekey",
    "ca": "ca_chain",
}


def completed(given: Settings) -> Settings:
    """The settings in force. ValueError when a file of ``~/.LGI`` cannot be used."""
    try:
        return given.over(settings.home())
    except SettingsError as error:
        raise ValueError(str(error)) from None


def require(chosen: Settings, arguments: Mapping[str, str], *names: str) -> None:
    """ValueError unless these are known: it names the argument, as it is called here, and the file."""
    for name in names:
        if not getattr(chosen, name):
            raise ValueError(
                f"no {name} is known: give {arguments.get(name, name)}=..., or write ~/.LGI/{_FILES[name]}"
            )
