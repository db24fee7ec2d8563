"""The descriptor of the executor ``lgi``: PSI/J looks for such files below directories of Python's path."""

from packaging.version import Version
from psij.descriptor import Descriptor

__PSI_J_EXECUTORS__ = [
    Descriptor(
        name="lgi", nice_name="LGI", version=Version("1.41.0"), cls="lgi_psij.job_executor.LGIJobExecutor"
    )
]
