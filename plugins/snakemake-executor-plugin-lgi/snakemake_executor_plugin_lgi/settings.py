"""The options of the plugin, and what Snakemake has to know of it."""

from dataclasses import dataclass, field

from snakemake_interface_executor_plugins.settings import CommonSettings, ExecutorSettingsBase

common_settings = CommonSettings(
    non_local_exec=True,
    # Resources may share the file system of the user: --shared-fs-usage says so.
    implies_no_shared_fs=False,
    # Where the sources are not shared they go through the storage.
    job_deploy_sources=True,
    # Their values are quoted by LGI's client.
    pass_envvar_declarations_to_cmd=False,
    # Jobs of resources may have no way to a registry of packages.
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=1,
)


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """The options `--lgi-...` of snakemake. Server, user and certificate are those of ``~/.LGI``."""

    application: str = field(
        default="command",
        metadata={"help": "Application of the resources that runs command lines.", "type": str},
    )
    targets: str = field(
        default="any",
        metadata={
            "help": "Resources that may run the jobs, comma-separated; a rule has its own with lgi_targets.",
            "type": str,
        },
    )
    server: str = field(
        default="", metadata={"help": "URL of the project server, instead of that of ~/.LGI.", "type": str}
    )
    project: str = field(
        default="", metadata={"help": "Name of the project, instead of that of ~/.LGI.", "type": str}
    )
