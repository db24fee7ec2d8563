"""PSI/J on LGI: ``psij.JobExecutor.get_instance("lgi")``, with `LGIExecutorConfig` as its configuration."""

# First: it loads the executor, which needs the modules below.
import psij  # noqa: F401

from lgi_psij.configuration import LGIExecutorConfig

__all__ = ["LGIExecutorConfig"]
