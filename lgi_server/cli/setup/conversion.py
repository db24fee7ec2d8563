"""Conversion of an older LGI_server.cfg, without sections, to one with sections."""

import os
from pathlib import Path

from lgi_server.config import flat_form, source
from lgi_server.services.project.recorded_changes import AdministrationError


def convert(path: Path) -> Path | None:
    """Write a configuration with sections; return the file that has the former text.

    None when it has sections already. Owner and mode of the file stay, and its former text is on the disk
    before it is changed. Raises OSError, ConfigError or AdministrationError.
    """
    lines = source.read(path)
    if not flat_form.is_flat(lines):
        return None
    former = path.with_name(f"{path.name}.former")
    try:
        # It may contain a password.
        descriptor = os.open(former, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise AdministrationError(f"{former} is there already: remove it first") from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(path.read_bytes())
        opened.flush()
        os.fsync(opened.fileno())
    path.write_text(flat_form.text_of(flat_form.with_sections(lines)), "utf-8")
    return former
