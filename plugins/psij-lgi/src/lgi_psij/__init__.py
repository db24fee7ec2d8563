"""PSI/J on LGI: ``psij.JobExecutor.get_instance("lgi")``, with `LGIExecutorConfig` as its configuration."""

from lgi_psij.configuration import LGIExecutorConfig

__all__ = ["LGIExecutorConfig"]
