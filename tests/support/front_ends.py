"""Web servers and balancers of our own on loopback, with the files that docs/front_ends ships."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.support.grid import Grid, wait_for

SHIPPED = Path(__file__).parents[2] / "docs" / "front_ends"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
HEADER = "X-Client-Certificate"
STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
_MODULES = "mpm_event authz_core ssl socache_shmcb proxy proxy_http headers"


def missing(*programs: str) -> str:
    """The first of some programs that this machine lacks; empty when none."""
    return next((program for program in programs if shutil.which(program, path=PATH) is None), "")


class Running:
    """A program of the foreground that listens on a port until it is stopped."""

    def __init__(self, directory: Path, port: int, *command: str) -> None:
        """Returns when it listens. AssertionError with what it said when it ends before."""
        self._log = directory / f"{Path(command[0]).name}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PATH": PATH}
            )
        self._port = port
        wait_for(self._listens)

    def _listens(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(self._log.read_text()[-3000:])
        return f":{self._port:04X} " in _listening()

    def stop(self) -> None:
        """Stop it at once, and what it has started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(60)


def _listening() -> str:
    """The sockets of this machine that listen, as the kernel lists them; nobody is connected to for it."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return " ".join(line.split()[1] + " " for line in lines if line.split()[3] == "0A")


def _with_our_places(grid: Grid, socket: Path, text: str) -> str:
    """A shipped file, with our places in place of its examples."""
    directory = grid.directory / "front"
    directory.mkdir(exist_ok=True)
    authority, server = grid.people.authority, grid.directory / "server"
    bundle = directory / "client_CAs.crt"
    bundle.write_bytes(authority.ca_file.read_bytes() + (server / "jobs.crt").read_bytes())
    for example, ours in (
        ("/etc/LGI/client_CAs.crt", bundle),
        ("/etc/LGI/server.crt", authority.directory / "localhost.crt"),
        ("/etc/LGI/server.key", authority.directory / "localhost.key"),
        ("/run/LGI/server.sock", socket),
        ("listen 443", f"listen 127.0.0.1:{grid.port}"),
        ("*:443", f"127.0.0.1:{grid.port}"),
    ):
        text = text.replace(str(example), str(ours))
    return text


def nginx(grid: Grid, socket: Path) -> Running:
    """nginx, speaking TLS for a server."""
    text = _with_our_places(grid, socket, (SHIPPED / "nginx.conf").read_text())
    return _nginx(
        grid.directory / "front", grid.port, f"http {{ access_log off; {_temporary(grid)} {text} }}", ""
    )


def _temporary(grid: Grid) -> str:
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{name}_temp_path {grid.directory}/front/{name};" for name in names)


def _nginx(directory: Path, port: int, block: str, module: str) -> Running:
    user = "user root;" if os.geteuid() == 0 else ""
    main = f"{module} {user} daemon off; pid {directory}/nginx.pid; error_log stderr; events {{}}\n{block}\n"
    (directory / "nginx.main").write_text(main)
    return Running(
        directory, port, "nginx", "-p", str(directory), "-e", "stderr", "-c", f"{directory}/nginx.main"
    )


def apache(grid: Grid, socket: Path) -> Running:
    """Apache, speaking TLS for a server."""
    text = _with_our_places(grid, socket, (SHIPPED / "apache.conf").read_text())
    directory = grid.directory / "front"
    loads = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in _MODULES.split()]
    own = f"ServerName localhost\nListen 127.0.0.1:{grid.port}\nErrorLog /dev/stderr"
    (directory / "apache.main").write_text(
        "\n".join((*loads, own, f"DefaultRuntimeDir {directory}", f"PidFile {directory}/pid", text))
    )
    return Running(
        directory, grid.port, "apache2", "-X", "-d", str(directory), "-f", f"{directory}/apache.main"
    )


def haproxy(directory: Path, port: int, servers: tuple[int, int]) -> Running:
    """haproxy, passing TLS through to two servers."""
    text = _with_our_ports((SHIPPED / "haproxy.cfg").read_text(), servers)
    (directory / "haproxy.cfg").write_text(text.replace("bind :443", f"bind 127.0.0.1:{port}"))
    return Running(directory, port, "haproxy", "-db", "-f", f"{directory}/haproxy.cfg")


def nginx_stream(directory: Path, port: int, servers: tuple[int, int]) -> Running:
    """nginx, passing TLS through to two servers."""
    text = _with_our_ports((SHIPPED / "nginx_stream.conf").read_text(), servers)
    block = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    return _nginx(directory, port, block, f"load_module {STREAM};")


def _with_our_ports(text: str, servers: tuple[int, int]) -> str:
    for number, port in enumerate(servers, 1):
        text = text.replace(f"192.0.2.{number}:8443", f"127.0.0.1:{port}")
    return text
