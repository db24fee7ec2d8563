"""Writes the software bill of materials of LGI: CycloneDX, JSON, from a file of requirements with digests."""

import configparser
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def bill(requirements: Path) -> dict[str, Any]:
    """Return LGI and the packages it needs; the same for the same file."""
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "requirements",
        str(requirements),
        "--output-reproducible",
    ]
    listed = subprocess.run(command, capture_output=True, check=True)  # noqa: S603 - our own words
    made: dict[str, Any] = json.loads(listed.stdout)
    for component in made["components"]:
        # The line of the file, with all its digests again.
        del component["description"]
    made["metadata"]["component"] = _project()
    return made


def _project() -> dict[str, Any]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    metadata = setup["metadata"]
    return {
        "type": "application",
        "bom-ref": "lgi",
        "name": metadata["name"],
        "version": metadata["version"],
        "licenses": [{"license": {"id": metadata["license"]}}],
    }


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(bill(Path(sys.argv[1])), indent=2) + "\n")
