"""Conversion of the texts of one section to values."""

from pathlib import Path

from lgi_server.config import suggestion
from lgi_server.config.document import Document
from lgi_server.config.sections import PROJECT, SECTIONS, ProjectConfig
from lgi_server.config.setting import Setting, settings_of

_KNOWN = {name: settings_of(kind) for name, kind in {**SECTIONS, PROJECT: ProjectConfig}.items()}


def values(document: Document, section: str, kind: type) -> dict[str, object]:
    """Return the values of a section by their names in its dataclass.

    Raises ConfigError for a setting that is unknown, missing or wrong.
    """
    known = settings_of(kind)
    found: dict[str, object] = {}
    for name, text in document.sections.get(section, {}).items():
        if name not in known:
            why = suggestion.unknown_setting(name, section.partition(" ")[0], _KNOWN)
            raise document.error(section, name, why)
        found[known[name].attribute] = _value(document, section, known[name], text)
    for name, one in known.items():
        if one.is_required and one.attribute not in found:
            raise document.error(section, "", f"the setting {name!r} is missing")
    return found


def _value(document: Document, section: str, setting: Setting, text: str) -> object:
    try:
        if not text:
            raise ValueError("the value is empty")
        value = _resolved(setting.read(text), document.path.parent)
    except (ValueError, OSError) as error:
        why = f"{error}{suggestion.of_value(text)}"
        raise document.error(section, setting.name, why, text) from None
    if setting.is_file and (reason := _reason_unreadable(Path(str(value)))):
        why = f"cannot read that file: {reason}{suggestion.of_value(text)}"
        raise document.error(section, setting.name, why, text)
    return value


def _resolved(value: object, directory: Path) -> object:
    """Return a value whose relative path starts at the configuration's directory."""
    if isinstance(value, Path):
        return directory / value
    if isinstance(value, str) and value.startswith("sqlite:") and not value.startswith("sqlite:/"):
        return f"sqlite:{directory / value.removeprefix('sqlite:')}"
    return value


def _reason_unreadable(path: Path) -> str:
    """Return why a file cannot be read, and what to do; empty when it can."""
    try:
        with path.open("rb") as opened:
            return "" if opened.read(1) else f"{path} is empty"
    except PermissionError as error:
        return f"{path}: {error.strerror}; it must be readable for the user of the server"
    except OSError as error:
        return f"{path}: {error.strerror}"
