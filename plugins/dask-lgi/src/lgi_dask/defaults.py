"""The defaults of clusters on LGI in Dask's configuration, as dask-jobqueue has them of other systems."""

from typing import Any

import dask

DEFAULTS: dict[str, Any] = {
    "name": "dask-worker",
    "cores": None,
    "memory": None,
    "processes": None,
    "python": None,
    "interface": None,
    "death-timeout": 60,
    "local-directory": None,
    "shared-temp-directory": None,
    # What is deprecated there warns unless it is None.
    "extra": None,
    "job-extra": None,
    "job-extra-directives": [],
    "job-directives-skip": [],
    "worker-command": "distributed.cli.dask_worker",
    "worker-extra-args": [],
    "shebang": "#!/bin/sh",
    "walltime": "00:30:00",
    "env-extra": None,
    "job-script-prologue": [],
    "log-directory": None,
    "scheduler-options": {},
}


def set_defaults() -> None:
    """Add the section ``jobqueue.lgi``; what users have configured there goes before it."""
    dask.config.update_defaults({"jobqueue": {"lgi": DEFAULTS}})
