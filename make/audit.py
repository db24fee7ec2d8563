"""Looks for known vulnerabilities of the packages in a file of requirements with digests.

The exit code is 1 for a known vulnerability. Without the database, as without a network, one line says so,
and the exit code is 0.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

# What pip-audit, requests and Python say of a host that is not there.
UNREACHABLE = (
    "Could not connect",
    "ConnectionError",
    # A site's proxy that answers with a certificate of its own.
    "SSLError",
    "NameResolutionError",
    "HTTPError",
    "Timeout",
    "timed out",
)


def audit(requirements: str, options: Sequence[str] = ()) -> int:
    """Print what is known of these packages and return the exit code; ``options`` are pip-audit's."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", requirements, "--require-hashes"]
    command += ["--disable-pip", "--format", "json", "--progress-spinner", "off", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return _without_report(done.stderr)
    found = [line for package in packages for line in _vulnerabilities(package)]
    if not (known := [package for package in packages if "skip_reason" not in package]):
        return _without_database()
    print(
        "\n".join(found)
        or f"Vulnerabilities: none, of {len(known)} of {len(packages)} packages that its database knows"
    )
    return 1 if found else 0


def _vulnerabilities(package: dict[str, Any]) -> list[str]:
    name = f"{package['name']} {package.get('version', '')}"
    return [
        f"{name}: {known['id']}, corrected in {', '.join(known['fix_versions']) or 'no version'}"
        for known in package.get("vulns", ())
    ]


def _without_report(errors: str) -> int:
    if any(word in errors for word in UNREACHABLE):
        return _without_database()
    print(f"pip-audit failed:\n{errors}", file=sys.stderr)
    return 1


def _without_database() -> int:
    print("Vulnerabilities: not looked for, the database cannot be reached")
    return 0


if __name__ == "__main__":
    sys.exit(audit(sys.argv[1], sys.argv[2:]))
