"""The size of a machine, as its control groups bound it."""

import os
from pathlib import Path

import pytest

from lgi_protocol.machine_size import usable

MEGABYTE = 2**20
CORES = len(os.sched_getaffinity(0))
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A directory as /proc, for the process of the test."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    return tmp_path / "proc"


def write(root: Path, files: dict[str, str]) -> Path:
    """A directory as /sys/fs/cgroup with these files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_machine_without_bounds_is_as_large_as_it_is(proc: Path, tmp_path: Path) -> None:
    """As on one without control groups, whose files are missing."""
    size = usable(proc, tmp_path / "missing")

    assert (size.cores, size.memory) == (CORES, MEMORY)


def test_a_group_bounds_what_is_in_it(proc: Path, tmp_path: Path) -> None:
    """A quota counts in whole cores, at least one; version 2 of control groups."""
    (proc / "self" / "cgroup").write_text("0::/system.slice/lgi.service\n")
    groups = write(
        tmp_path / "groups",
        {
            "system.slice/lgi.service/cpu.max": "50000 100000\n",
            "system.slice/lgi.service/memory.max": f"{64 * MEGABYTE}\n",
        },
    )

    size = usable(proc, groups)

    assert (size.cores, size.memory) == (1, 64 * MEGABYTE)


def test_a_parent_of_a_group_bounds_it_too(proc: Path, tmp_path: Path) -> None:
    """The smallest of all bounds counts; ``max`` is none."""
    (proc / "self" / "cgroup").write_text("0::/a/b\n")
    groups = write(
        tmp_path / "groups",
        {
            "a/b/memory.max": "max\n",
            "a/memory.max": f"{32 * MEGABYTE}\n",
            "memory.max": f"{64 * MEGABYTE}\n",
            "a/b/cpu.max": "max 100000\n",
        },
    )

    size = usable(proc, groups)

    assert (size.cores, size.memory) == (CORES, 32 * MEGABYTE)


def test_a_container_with_a_view_of_its_own_finds_its_bound(proc: Path, tmp_path: Path) -> None:
    """Its group is the root that it sees, or a parent that it does not see."""
    (proc / "self" / "cgroup").write_text("0::/../../other\n")

    size = usable(proc, write(tmp_path / "groups", {"memory.max": f"{48 * MEGABYTE}\n"}))

    assert size.memory == 48 * MEGABYTE


def test_groups_of_version_1_are_read(proc: Path, tmp_path: Path) -> None:
    """Each controller has a tree of its own; a quota of -1 is none."""
    (proc / "self" / "cgroup").write_text("5:memory:/batch/job7\n4:cpu,cpuacct:/batch\n1:name=systemd:/x\n")
    groups = write(
        tmp_path / "groups",
        {
            "memory/batch/job7/memory.limit_in_bytes": f"{16 * MEGABYTE}\n",
            "cpu,cpuacct/batch/cpu.cfs_quota_us": "-1\n",
            "cpu,cpuacct/batch/cpu.cfs_period_us": "100000\n",
            "cpu,cpuacct/cpu.cfs_quota_us": "100000\n",
            "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        },
    )

    size = usable(proc, groups)

    assert (size.cores, size.memory) == (1, 16 * MEGABYTE)
