"""Parsl on LGI: `LGIProvider` makes blocks of workers, `LGIExecutor` makes each app a job."""

from lgi_parsl.executor import LGIExecutor
from lgi_parsl.provider import LGIProvider

__all__ = ["LGIExecutor", "LGIProvider"]
