"""Dask on LGI: `LGICluster`, whose workers are jobs."""

from lgi_dask.cluster import LGICluster
from lgi_dask.worker_job import LGIJob

__all__ = ["LGICluster", "LGIJob"]
