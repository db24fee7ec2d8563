"""An object store of our own on loopback: OpenStack Swift with its API of S3, on one disk."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.support.grid import wait_for
from tests.support.object_grid import SECRET
from tests.support.ports import free_port

_BUILDER = "swift-ring-builder"
_KINDS = ("object", "container", "account")
_PROXY = """
[pipeline:main]
pipeline = catch_errors cache listing_formats bulk s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
# None listens there: the store asks for a cache, but works without one.
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
min_segment_size = 1048576
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""
_STORAGE = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""


def missing() -> str:
    """What this machine lacks for it; empty when nothing."""
    programs = (_BUILDER, "swift-proxy-server", *(f"swift-{kind}-server" for kind in _KINDS))
    return next((program for program in programs if shutil.which(program) is None), "")


class PrivateSwift:
    """A store with one account and one bucket, as an ordinary process of the user of the tests."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="lgi-swift-"))
        self.log = self.directory / "swift.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._processes: list[subprocess.Popen[bytes]] = []
        (self.directory / "srv" / "disk").mkdir(parents=True)
        (self.directory / "cache").mkdir()
        (self.directory / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = tests\n")
        self._ports = {kind: free_port() for kind in _KINDS}
        for kind in _KINDS:
            self._make_ring(kind)
            self._write(kind, self._ports[kind], _STORAGE.format(kind=kind))
        self._write("proxy", self.port, _PROXY.format(secret=SECRET))

    def _make_ring(self, kind: str) -> None:
        file = str(self.directory / f"{kind}.builder")
        place = f"r1z1-127.0.0.1:{self._ports[kind]}/disk"
        for words in (("create", "4", "1", "1"), ("add", place, "1"), ("rebalance",)):
            subprocess.run([_BUILDER, file, *words], check=True, capture_output=True)

    def _write(self, kind: str, port: int, text: str) -> None:
        head = {
            "bind_ip": "127.0.0.1",
            "bind_port": port,
            "workers": 0,
            "swift_dir": self.directory,
            "devices": self.directory / "srv",
            "mount_check": "false",
            "recon_cache_path": self.directory / "cache",
            "log_name": kind,
            # It would become this user otherwise one of its own.
            "user": pwd.getpwuid(os.geteuid()).pw_name,
        }
        lines = "".join(f"{key} = {value}\n" for key, value in head.items())
        (self.directory / f"{kind}.conf").write_text(f"[DEFAULT]\n{lines}{text}")

    def start(self) -> None:
        """Start it and return when it listens."""
        for kind in (*_KINDS, "proxy"):
            with self.log.open("ab") as log:
                command = [f"swift-{kind}-server", str(self.directory / f"{kind}.conf"), "-v"]
                self._processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        for port in (*self._ports.values(), self.port):
            wait_for(lambda port=port: _listens(port))

    def stop(self) -> None:
        """Stop it; what was stored stays."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait(60)
        self._processes = []

    def remove(self) -> None:
        """Stop it and remove everything."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
