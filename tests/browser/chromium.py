"""Debian's Chromium, with a user's PKCS12 file loaded as a person would load it.

Each user has a home of its own, whose NSS database holds the project's authority and at most one certificate.
A policy of the machine has Chromium show that one without asking; nothing else about TLS is special.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

POLICIES = Path("/etc/chromium/policies/managed")
POLICY = {"AutoSelectCertificateForUrls": [json.dumps({"pattern": "https://localhost", "filter": {}})]}
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
AXE = Path(__file__).resolve().parents[2] / ".venv" / "share" / "axe-core-4.14.1" / "axe.min.js"


def missing() -> str:
    """What a machine lacks for a browser; empty when there is all."""
    if find_spec("playwright") is None:
        return "playwright"
    for program in ("chromium", "certutil", "pk12util"):
        if shutil.which(program) is None:
            return program
    if not AXE.exists():
        return "axe-core"
    if not os.access(POLICIES.parent.parent if POLICIES.parent.parent.exists() else "/etc", os.W_OK):
        return "the right to have Chromium choose a certificate (root)"
    return ""


@contextmanager
def chosen_certificate() -> Iterator[None]:
    """For a while, have Chromium show the certificate it has without asking."""
    POLICIES.mkdir(parents=True, exist_ok=True)
    policy = POLICIES / f"lgi-tests-{os.getpid()}.json"
    policy.write_text(json.dumps(POLICY))
    try:
        yield
    finally:
        policy.unlink()


def make_home(authority: Path, pkcs12: Path | None = None, password: str = "") -> Path:
    """Create a home directory with the CA's certificate and the PKCS12 file of a user."""
    home = Path(tempfile.mkdtemp(prefix="lgi-home-"))
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    nss = f"sql:{database}"
    _run("certutil", "-d", nss, "-N", "--empty-password")
    _run("certutil", "-d", nss, "-A", "-t", "CT,,", "-n", "the project", "-i", authority)
    if pkcs12 is not None:
        _run("pk12util", "-d", nss, "-i", pkcs12, "-W", password, "-K", "")
    return home


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=60)
