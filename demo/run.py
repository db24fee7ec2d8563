"""``make demo``: set up a small grid and run jobs on it, showing each command on the terminal.

The grid is a CA, certificates, a project server with the embedded database and a resource daemon, all in one
directory. KEEP=1 leaves it running.
"""

import contextlib
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from demo.commands import (
    BIN,
    DemoError,
    end_by_signals,
    free_port,
    line_of,
    listens,
    processes_in,
    run_command,
    say,
    wait_until,
)

USER, GROUP, RESOURCE, SERVER = "you@demo", "science", "laptop@demo", "LGI@localhost"


class Demo:
    """The grid of one demo and its processes."""

    def __init__(self) -> None:
        """Create the directory of the grid."""
        self.directory = Path(tempfile.mkdtemp(prefix="lgi-demo-"))
        # A daemon of root runs each job under its own uid, which must be able to enter the job's directory.
        self.directory.chmod(0o755)
        self.ca = self.directory / "certificates"
        self.port = free_port()
        self.url = f"https://localhost:{self.port}/LGI"
        self.password = secrets.token_urlsafe(9)
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def home(self) -> Path:
        """The directory that is ~/.LGI of a real user."""
        return self.directory / "dot-LGI"

    @property
    def resource(self) -> Path:
        """The directory of the daemon."""
        return self.directory / "resource"

    def run(self, *command: object, show: bool = True) -> str:
        """Run a command, show it and its output, and return the output; raise DemoError when it fails."""
        words = [str(word) for word in command]
        print(f"$ {shlex.join(words)}".replace(str(self.directory), "$DEMO"), flush=True)
        done = run_command(words)
        if show and done.stdout.strip():
            print("\n".join(f"  {line}".rstrip() for line in done.stdout.strip("\n").splitlines()))
        if done.returncode:
            raise DemoError(f"{words[0]} ended with {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self, name: str, *command: object) -> None:
        """Start a program in the background, its output in a log file."""
        words = [str(word) for word in command]
        print(f"$ {shlex.join(words)} &".replace(str(self.directory), "$DEMO"), flush=True)
        with (self.directory / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen([BIN / words[0], *words[1:]], stdout=log, stderr=log, start_new_session=True)
            )

    def authority(self) -> None:
        """Create the CA and the certificates."""
        say("A certificate authority, and certificates for a server, a resource and you")
        certificates = ("LGI_certificates", "--directory", self.ca)
        self.run(*certificates, "init", show=False)
        self.run(*certificates, "server", "localhost", show=False)
        self.run(*certificates, "resource", SERVER, show=False)
        self.run(
            *(*certificates, "resource", RESOURCE, "--project", "LGI", "--server", self.url),
            *("--daemon-dir", self.resource, "-a", "hello_world", "-a", "command"),
            show=False,
        )
        password = self.directory / "password"
        password.write_text(self.password)
        password.chmod(0o600)
        self.run(
            *(*certificates, "user", USER, "--group", GROUP, "--password-file", password),
            *("--config-dir", self.home, "--server", self.url, "--default-project", "LGI"),
            show=False,
        )
        self.run(*certificates, "list")

    def server(self) -> None:
        """Start the project server and register the resource."""
        say("A project server with an embedded database, behind mutual TLS")
        self.run(
            *("LGI_setup", self.directory / "server", "--url", self.url, "--certificates", self.ca),
            *("--listen", f"127.0.0.1:{self.port}"),
        )
        configuration = self.directory / "server" / "LGI_server.cfg"
        self.run(
            *("ManageDB", "--config", configuration, "add", "resources", "allowed"),
            *("--name", RESOURCE, "--url", RESOURCE, "--certificate", self.ca / f"{RESOURCE}.crt"),
            *("--project-server", "0", "--servers", "any"),
        )
        self.run(
            *("ManageDB", "--config", configuration, "add", "users", "allowed"),
            *("--name", USER, "--application", "any", "--limit", "0", "--servers", "any"),
        )
        self.start("server", "LGI_server", configuration)
        wait_until(lambda: listens(self.port), "the server listens")

    def daemon(self) -> None:
        """Start the resource daemon."""
        say("A resource daemon that offers the applications hello_world and command")
        self.start("daemon", "LGI_daemon", "-ft", 1, "-st", 2, self.resource / "LGI.cfg")

    def job(self) -> None:
        """Run a job from submit to result."""
        say("You submit a job, with a file beside it")
        (self.directory / "input").write_text("a greeting from the demo")
        (self.directory / "notes.txt").write_text("Files travel with the job.\n")
        tool = ("-c", self.home)
        specifics = "<seconds> 2 </seconds>"
        files = ("-i", self.directory / "input", self.directory / "notes.txt")
        wait_until(self.offered, "the daemon has signed up")
        answer = self.run("LGI_qsub", *tool, "-a", "hello_world", "-s", specifics, *files)
        job = line_of(answer, "Job id")

        say("The job runs")
        # On a busy machine it may have ended when it is looked at.
        wait_until(lambda: self.state(job) in {"running", "finished"}, "the job runs")
        self.run("LGI_qstat", *tool)

        say("The job has finished, and this is its output")
        wait_until(lambda: self.state(job) == "finished", "the job has finished")
        details = self.run("LGI_qstat", *tool, job)
        expected = f"Hello_World from {RESOURCE} submitted with input: a greeting from the demo"
        if line_of(details, "Output") != expected:
            raise DemoError("the output is not the one that was expected")

        say("The file is fetched back from the job's repository")
        url = details.partition("<repository_url> ")[2].partition(" <")[0]
        fetched = self.directory / "fetched" / "notes.txt"
        fetched.parent.mkdir()
        self.run("LGI_filetransfer", *tool, "download", url, fetched)
        print(f"  {fetched.read_text()}", end="")

    def abort(self) -> None:
        """Abort a job while it runs."""
        say("A long job is submitted, and aborted while it runs")
        tool = ("-c", self.home)
        answer = self.run(
            "LGI_qsub", *tool, "-a", "hello_world", "-s", "<seconds> 600 </seconds>", show=False
        )
        job = line_of(answer, "Job id")
        wait_until(lambda: self.state(job) == "running", "the long job runs")
        self.run("LGI_qdel", *tool, job)
        wait_until(lambda: self.state(job) == "aborted", "the long job is aborted")
        self.run("LGI_qstat", *tool)

    def command(self) -> None:
        """Run a command line and wait for it."""
        say("A command runs as a job, and its output and exit code are those of LGI_run")
        self.run("LGI_run", "-c", self.home, "--wait", "--", "sh", "-c", "echo Hello from job $LGI_JOB_ID")

    def offered(self) -> bool:
        """Return whether a resource has announced hello_world to the server."""
        return "hello_world" in self.quietly("LGI_qstat", "-c", self.home, "-L")

    def state(self, job: str) -> str:
        """Return the state of a job."""
        return line_of(self.quietly("LGI_qstat", "-c", self.home, job), "Job state")

    def quietly(self, *command: object) -> str:
        """Run a command without showing it."""
        return run_command([str(word) for word in command]).stdout

    def stop(self) -> None:
        """End every process of the demo and remove its directory."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        while pids := processes_in(self.directory):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        shutil.rmtree(self.directory, ignore_errors=True)

    def leave(self) -> None:
        """Print how to use and stop the running grid."""
        pids = " ".join(str(process.pid) for process in reversed(self.processes))
        say("The grid stays up")
        print(f"""\
  export PATH={BIN}:$PATH
  LGI_qsub -c {self.home} -a hello_world
  LGI_run -c {self.home} --wait -- hostname
  LGI_qstat -c {self.home}
  Server        : {self.url}, log in {self.directory}/server.log
  Daemon        : log in {self.directory}/daemon.log
  Web interface : {self.url}/basic_interface/
                  Load your certificate into a browser first, and the authority as one for web sites:
                  {self.ca}/{USER}.p12 with the password {self.password}
                  {self.ca}/ca.crt
                  Firefox: Settings, Privacy & Security, View Certificates; Your Certificates and
                  Authorities, Import. Chromium, Chrome: close it and run
                    mkdir -p $HOME/.pki/nssdb
                    certutil -d sql:$HOME/.pki/nssdb -A -t CT,, -n "LGI demo" -i {self.ca}/ca.crt
                    pk12util -d sql:$HOME/.pki/nssdb -i {self.ca}/{USER}.p12 -W {self.password}
  Stop it with  : kill {pids}; rm -r {self.directory}""")


def main() -> None:
    """Run all steps; exit with code 1 when one fails, with 128 and its number after a signal."""
    begin = time.monotonic()
    end_by_signals()
    demo = Demo()
    keep = os.environ.get("KEEP", "") not in {"", "0"}
    done = False
    try:
        for step in (demo.authority, demo.server, demo.daemon, demo.job, demo.abort, demo.command):
            step()
        done = True
        say(f"That was everything, in {time.monotonic() - begin:.0f} seconds")
    except DemoError as failed:
        print(f"\nThe demo failed: {failed}", file=sys.stderr)
        for log in ("server.log", "daemon.log"):
            path = demo.directory / log
            if path.exists():
                print(f"--- {log}\n{path.read_text()[-3000:]}", file=sys.stderr)
    finally:
        if done and keep:
            demo.leave()
        else:
            demo.stop()
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
