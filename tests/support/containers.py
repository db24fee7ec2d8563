"""Whether this machine and account can make containers."""

import shutil
import subprocess


def missing() -> str:
    """Return what bwrap lacks to make a container; empty for nothing."""
    if shutil.which("bwrap") is None:
        return "bwrap"
    made = subprocess.run(
        ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True, check=False
    )
    return "user namespaces for bwrap" if made.returncode else ""
