"""LGI_server CONFIG: start the project server."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import click  # noqa: E402

from lgi_server import config as configuration  # noqa: E402
from lgi_server import jobs_authority, schema, serve  # noqa: E402


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--check", is_flag=True, help="Only read and verify the configuration.")
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
def main(config: Path, check: bool) -> None:
    """Start the project server of the configuration file CONFIG (LGI_setup writes one)."""
    try:
        loaded = configuration.load(config)
        # Checking makes nothing.
        serve.tls_context(loaded, jobs_authority.of(loaded) if jobs_authority.is_made(loaded) else None)
        for project in loaded.projects.values():
            schema.check(project.name, project.database)
        if check:
            click.echo(f"{config}: {loaded.url} on {loaded.listen}, projects {', '.join(loaded.projects)}")
            return
        serve.run(loaded)
    except (configuration.ConfigError, OSError, ValueError) as error:
        click.echo(f"LGI_server: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
