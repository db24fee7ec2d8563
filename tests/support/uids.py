"""Uids of tests: each process of tests has its own, since a daemon kills and cleans up by uid."""

import os

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
UID = 2_345_678 + 1000 * _WORKER
