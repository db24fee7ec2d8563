"""Commands of root that lack one of root's rights, as those of an ordinary user do."""

import os
import shutil

from tests.conftest import lacking


def without_capability(name: str) -> list[str]:
    """The words before a command that it has to do without a capability of Linux, as ``dac_override``."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        lacking("setpriv")
    return ["setpriv", f"--bounding-set=-{name}", f"--inh-caps=-{name}"]
