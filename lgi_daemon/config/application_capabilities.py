"""What the configuration says of the capabilities of an application."""

from pathlib import Path

from lgi_daemon.config.section import Section
from lgi_protocol import xml
from lgi_protocol.capabilities import GPUS, MOST


def capabilities_text(section: Section) -> str:
    """Return the text of ``capabilities_file``, or without one of ``capabilities``, with XML unchanged."""
    if section.optional("capabilities_file"):
        return section.file("capabilities_file").read_text("utf-8", "replace").strip()
    return xml.value(section.content, "capabilities")


def max_gpus(gpus: int) -> str:
    """Return what the capabilities of each application say of GPUs: jobs that request more stay away."""
    return f" <{MOST}{GPUS}> {gpus} </{MOST}{GPUS}>" if gpus else ""


def capabilities_script(section: Section) -> Path | None:
    """Return the script that prints more capabilities; None without one. Raise ConfigurationError."""
    is_named = section.optional("capabilities_script")
    return section.script("capabilities_script", executable=True) if is_named else None
