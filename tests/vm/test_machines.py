"""What tests may rely on in a virtual machine."""

from pathlib import Path

import pytest

from tests.vm.image import Image
from tests.vm.machine import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def test_machines_have_systemd_and_a_cable_between_them(image: Image, tmp_path: Path) -> None:
    """A kernel with cgroups of version 2, no unit that failed, the packages; no way out but to each other."""
    with running(image, tmp_path, "server", "resource") as machines:
        for machine in machines:
            assert machine.run("cat /proc/1/comm; hostname") == f"systemd\n{machine.name}\n"
            assert machine.run("systemctl --failed --no-legend") == ""
            assert "memory" in machine.run("cat /sys/fs/cgroup/cgroup.controllers")
            machine.run("LGI_daemon --version; test -e /usr/lib/systemd/system/lgi-daemon.service")
        server, resource = machines
        server.run("systemd-run -q --unit=greeting python3 -m http.server --directory /etc 8000")
        fetch = (
            "python3 -c \"import urllib.request as r; print(r.urlopen('http://server:8000/hosts').read())\""
        )

        assert "localhost" in resource.until(fetch)
        with pytest.raises(AssertionError, match="status 1"):
            resource.run("python3 -c \"import socket; socket.create_connection(('192.0.2.1', 80), 5)\"")

        resource.run("touch /root/kept")
        resource.reboot()
        resource.run("test -e /root/kept")
        assert "localhost" in resource.until(fetch)
