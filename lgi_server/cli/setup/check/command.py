"""LGI_setup check: is everything as it should be, and if not, what is to be done."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import click

from lgi_server.cli.setup.check import certificates, databases, files, job, listening, store
from lgi_server.cli.setup.check.finding import Finding, Level, error, warning
from lgi_server.config import parser
from lgi_server.config.model import Config
from lgi_server.config.source import ConfigError

Checks = Mapping[str, Callable[[], Iterable[Finding]]]
Findings = list[tuple[str, Finding]]
DEFAULTS = (Path("server/LGI_server.cfg"), Path("/etc/lgi/server/LGI_server.cfg"))


@click.command(
    epilog="\b\nExample:\n  LGI_setup check server/LGI_server.cfg\n"
    "  LGI_setup check --job mark.LGI server/LGI_server.cfg"
)
@click.argument(
    "configuration",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="LGI_SERVER_CONFIG",
    required=False,
)
@click.option(
    "--job",
    "settings",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Also run a job of the user with this directory of settings, like ~/.LGI.",
)
@click.option("--application", default="hello_world", show_default=True, help="Application of the job.")
@click.option("--seconds", default=120, show_default=True, type=click.IntRange(1), help="Time for the job.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def check(
    configuration: Path | None, settings: Path | None, application: str, seconds: int, as_json: bool
) -> None:
    """Check the server of CONFIGURATION: one line for each fault, with what to do about it.

    Run it on the server's machine, as the server's account or as root. The exit code is 0 without a fault, 1
    with warnings and 2 with errors. Without CONFIGURATION it takes server/LGI_server.cfg or that of /etc/lgi.
    """
    # The causes of errors are part of the findings.
    logging.disable()
    file = configuration or next((path for path in DEFAULTS if path.exists()), DEFAULTS[0])
    checks, found = _checks(file)
    if settings is not None:
        checks = {**checks, "test job": partial(job.check, settings, application, seconds)}
    found += [(topic, finding) for topic, run in checks.items() for finding in run()]
    if as_json:
        click.echo(json.dumps([_as_json(topic, finding) for topic, finding in found], indent=1))
    else:
        _show(["configuration", *checks], found)
    levels = {finding.level for _, finding in found}
    sys.exit(2 if Level.ERROR in levels else 1 if levels else 0)


def _checks(file: Path) -> tuple[Checks, Findings]:
    """Return the checks of a configuration, and what is wrong with the file itself."""
    try:
        config: Config = parser.load(file)
    except ConfigError as why:
        return {}, [("configuration", error(str(why), f"correct it, then: LGI_setup check {file}"))]
    advice = "see docs/administrator_guide.md"
    checks: Checks = {
        "certificates": partial(certificates.check, config),
        "address": partial(listening.check, config),
        "database": partial(databases.check, config),
        "files": partial(files.check, config),
    }
    if config.object_store is not None:
        checks = {**checks, "object store": partial(store.check, config)}
    return checks, [("configuration", warning(text, advice)) for text in config.warnings]


def _as_json(topic: str, finding: Finding) -> dict[str, str]:
    return {"topic": topic, "level": finding.level, "text": finding.text, "remedy": finding.remedy}


def _show(topics: Iterable[str], found: Findings) -> None:
    for topic in topics:
        ours = [finding for name, finding in found if name == topic]
        for one in ours:
            remedy = f"; {one.remedy}" if one.remedy else ""
            click.echo(f"{one.level.upper():8}{topic}: {one.text}{remedy}")
        if not ours:
            click.echo(f"{'ok':8}{topic}")
