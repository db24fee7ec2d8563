"""Commands of root that lack one of root's rights, as those of an ordinary user do."""

import os
import shutil

from tests.conftest import lacking


def without_capability(*names: str) -> list[str]:
    """The words before a command that it has to do without capabilities of Linux, as ``dac_override``."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        lacking("setpriv")
    sets = ",".join(f"-{name}" for name in names)
    return ["setpriv", f"--bounding-set={sets}", f"--inh-caps={sets}"]
