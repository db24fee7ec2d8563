"""Settings of a server, put into the text of its configuration."""

from collections.abc import Mapping

from lgi_server.config.sections import SECTION_OF


def changed(text: str, settings: Mapping[str, str]) -> str:
    """The text of a configuration with other values, each in its section."""
    lines = without(text, *settings).splitlines()
    for name, value in settings.items():
        header = f"[{SECTION_OF[name]}]"
        lines.insert(lines.index(header) + 1, f"{name} = {value}")
    return "".join(f"{line}\n" for line in lines)


def without(text: str, *names: str) -> str:
    """The text of a configuration without some settings."""
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in names]
    return "".join(f"{line}\n" for line in kept)
