"""Runs the jobs of a Snakemake workflow on the resources of an LGI project.

Snakemake finds a plugin by the name of its package, and in it `Executor`, `ExecutorSettings` and
`common_settings`.
"""

from snakemake_executor_plugin_lgi.executor import Executor
from snakemake_executor_plugin_lgi.settings import ExecutorSettings, common_settings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]
