"""The files that LGI_qsub reads: the input of a job, and those to upload."""

import stat
from contextlib import nullcontext
from pathlib import Path

import click

from lgi_tools.client.text import shortened

# Bytes of an input: far more than servers accept, so that the server's own limit decides.
MAX_INPUT = 64 * 1024 * 1024


def input_of(file: Path) -> bytes:
    """Return the bytes of the input. Raises ClickException for a file above `MAX_INPUT` bytes."""
    with file.open("rb") as opened:
        found = opened.read(MAX_INPUT + 1)
    if len(found) > MAX_INPUT:
        raise click.ClickException(
            f"Cannot send '{file}' as input: it is larger than {MAX_INPUT} bytes; "
            "give it after the options, as one of FILES"
        )
    return found


def uploadable(names: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the files to upload. Raises ClickException naming a file that cannot be read or sent."""
    paths = tuple(Path(name) for name in names)
    for path in paths:
        try:
            # Checked before opening, because opening a pipe waits for its writer.
            kind = stat.S_IFMT(path.stat().st_mode)
            with path.open("rb") if kind in {stat.S_IFREG, stat.S_IFDIR} else nullcontext():
                pass
        except OSError as error:
            raise click.ClickException(
                f"Cannot read from file '{shortened(str(path))}': {error.strerror}"
            ) from None
        if any("\udc80" <= char <= "\udcff" for char in path.name):
            raise click.ClickException(f"the name of the file {str(path)!r} is not UTF-8")
        if kind != stat.S_IFREG:
            raise click.ClickException(f"Cannot read from file '{path}': it is not a regular file")
        if sum(other.name == path.name for other in paths) > 1:
            raise click.ClickException(
                f"several files have the name {path.name!r}, which must be unique in the repository"
            )
    return paths
