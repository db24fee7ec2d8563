"""LGI_server CONFIG: start the project server."""

from gevent import monkey

monkey.patch_all()

import logging  # noqa: E402
import sys  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402

import click  # noqa: E402

from lgi_protocol import LGI_VERSION  # noqa: E402
from lgi_server.auth import job_ca  # noqa: E402
from lgi_server.cli import configuration, logs, scheduler  # noqa: E402
from lgi_server.cli import drain as cli_drain  # noqa: E402
from lgi_server.cli.setup import journal  # noqa: E402
from lgi_server.cli.setup.check import certificates  # noqa: E402
from lgi_server.cli.setup.check.finding import Level  # noqa: E402
from lgi_server.config.model import Config  # noqa: E402
from lgi_server.config.source import ConfigError  # noqa: E402
from lgi_server.db import schema  # noqa: E402
from lgi_server.serving import gunicorn_app  # noqa: E402


class Programs(click.Group):
    """A group that runs ``serve`` unless the first word is a command."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Insert the word ``serve`` when no command is given."""
        if args and args[0] not in {*self.commands, *context.help_option_names, "--version"}:
            args = ["serve", *args]
        return super().parse_args(context, args)


@click.group(cls=Programs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(LGI_VERSION, message="LGI_server %(version)s")
def main() -> None:
    """Run the project server: LGI_server CONFIG starts it; status and drain are for one that runs."""


@main.command()
@click.argument("config", type=click.Path(dir_okay=False, readable=False, path_type=Path))
def status(config: Path) -> None:
    """Show the counters of the running server of CONFIG, and the numbers of jobs in its queues."""
    # With an HTTP client, which a server would keep in the memory of all its processes.
    from lgi_server.cli import status as cli_status

    try:
        click.echo(cli_status.report(configuration.load("LGI_server", config)))
    except (ConfigError, cli_status.UnknownStatusError, OSError, ValueError) as error:
        click.echo(f"LGI_server: {error}", err=True)
        sys.exit(1)


@main.command()
@click.argument("config", type=click.Path(dir_okay=False, readable=False, path_type=Path))
def drain(config: Path) -> None:
    """End the running server of CONFIG: it takes no new connection, and answers the requests that it has.

    It returns when the server has ended, as before the upgrade of one of several.
    """
    try:
        pids = cli_drain.drain(configuration.load("LGI_server", config).path)
        click.echo(f"process {', '.join(map(str, pids))} has answered all requests and ended")
    except (ConfigError, cli_drain.NoServerError, OSError, ValueError) as error:
        click.echo(f"LGI_server: {error}", err=True)
        sys.exit(1)


@main.command("serve")
@click.option("--check", is_flag=True, help="Only read and verify the configuration.")
@click.option("--without-scheduler", is_flag=True, help="Start no LGI_scheduler beside the server.")
@click.argument("config", type=click.Path(dir_okay=False, readable=False, path_type=Path))
def start(config: Path, check: bool, without_scheduler: bool) -> None:
    """Start the project server of the configuration file CONFIG, and its scheduler (LGI_setup writes one)."""
    try:
        loaded = configuration.load("LGI_server", config)
        if check:
            _log_plainly()
        else:
            logs.start(loaded.log_file)
            journal.check_finished(loaded.path)
        # A check creates no file.
        gunicorn_app.check(loaded, job_ca.load_or_create(loaded) if job_ca.exists(loaded) else None)
        for project in loaded.projects.values():
            schema.check(project.name, project.database)
        if check:
            _check_certificates(loaded)
            click.echo(f"{config}: {loaded.url} on {loaded.listen}, projects {', '.join(loaded.projects)}")
            return
        beside = loaded.scheduler.with_server and not without_scheduler
        gunicorn_app.run(loaded, partial(scheduler.serve, loaded.path) if beside else None)
    except (ConfigError, OSError, RuntimeError, ValueError) as error:
        click.echo(f"LGI_server: {error}", err=True)
        sys.exit(1)


def _check_certificates(loaded: Config) -> None:
    """Print what is wrong with the certificates; end with exit code 1 when clients refuse one."""
    found = list(certificates.check(loaded))
    for one in found:
        click.echo(f"LGI_server: {one.text}; {one.remedy}", err=True)
    if any(one.level is Level.ERROR for one in found):
        sys.exit(1)


def _log_plainly() -> None:
    """Log warnings as a command prints them."""
    logging.basicConfig(level=logging.WARNING, format="LGI_server: %(message)s")
    # What it says is part of the warning about an unreachable database.
    logging.getLogger("lgi.database").disabled = True


if __name__ == "__main__":
    main()
