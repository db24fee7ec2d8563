"""Debian's Firefox, driven by Marionette, the protocol that is built into it: Debian has no geckodriver.

The profile holds the project's authority and a user's certificate, as a person would import them; one setting
has Firefox show that certificate without asking.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = "firefox-esr"
# On a busy machine all may take its time, in seconds.
PATIENCE = 60
# A free port is chosen and written to a file of the profile.
_PORT_FILE = "MarionetteActivePort"
_SETTINGS = {
    "marionette.port": 0,
    "security.default_personal_cert": "Select Automatically",
    "security.enterprise_roots.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
}


def missing() -> str:
    """What a machine lacks for Firefox; empty when there is all."""
    for program in (PROGRAM, "certutil", "pk12util"):
        if shutil.which(program) is None:
            return f"{program} (of Debian)"
    return ""


class Firefox:
    """A running Firefox with one window."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._answers = self._connection.makefile("rb")
        self._number = 0
        self._read()
        self.call("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": False}})

    def call(self, name: str, **parameters: object) -> Any:
        """The value that a command returns; an error of the browser is an AssertionError."""
        self._number += 1
        sent = json.dumps([0, self._number, name, parameters]).encode()
        self._connection.sendall(b"%d:" % len(sent) + sent)
        _kind, _number, error, result = self._read()
        assert error is None, f"{name}: {error}"
        return (result or {}).get("value")

    def _read(self) -> Any:
        size = b""
        while (digit := self._answers.read(1)) != b":":
            assert digit, "Firefox has ended"
            size += digit
        return json.loads(self._answers.read(int(size)))

    def open(self, url: str) -> None:
        """Load a page."""
        self.call("WebDriver:Navigate", url=url)

    def run(self, script: str, *arguments: object) -> Any:
        """The value that a script of the page returns."""
        return self.call("WebDriver:ExecuteScript", script=script, args=list(arguments))

    def find(self, selector: str) -> str:
        """The reference of an element."""
        found = self.call("WebDriver:FindElement", using="css selector", value=selector)
        return str(next(iter(found.values())))

    def click(self, selector: str) -> None:
        """Click on an element."""
        self.call("WebDriver:ElementClick", id=self.find(selector))

    def type(self, selector: str, text: str) -> None:
        """Type into an element; into a field for files, a path."""
        self.call("WebDriver:ElementSendKeys", id=self.find(selector), text=text)

    def text(self, selector: str = "main") -> str:
        """The text of the first such element, empty for none."""
        script = "const found = document.querySelector(arguments[0]); return found ? found.innerText : '';"
        return str(self.run(script, selector))

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until a condition is true."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"still not: {self.text()[:500]}"
            time.sleep(0.1)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def running(authority: Path, pkcs12: Path | None, password: str) -> Iterator[Firefox]:
    """Firefox with the certificates of a user, or without."""
    profile = Path(tempfile.mkdtemp(prefix="lgi-firefox-"))
    _prepare(profile, authority, pkcs12, password)
    environment = {**os.environ, "HOME": str(profile), "MOZ_HEADLESS": "1"}
    command = [PROGRAM, "--headless", "--no-remote", "--marionette", "--profile", str(profile)]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        browser = Firefox(_port(profile, process))
        yield browser
        browser.close()
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(profile, ignore_errors=True)


def _prepare(profile: Path, authority: Path, pkcs12: Path | None, password: str) -> None:
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _SETTINGS.items()]
    (profile / "user.js").write_text("\n".join(lines) + "\n")
    nss = f"sql:{profile}"
    _do("certutil", "-d", nss, "-N", "--empty-password")
    _do("certutil", "-d", nss, "-A", "-t", "CT,,", "-n", "the project", "-i", authority)
    if pkcs12 is not None:
        _do("pk12util", "-d", nss, "-i", pkcs12, "-W", password, "-K", "")


def _port(profile: Path, process: "subprocess.Popen[bytes]") -> int:
    end = time.monotonic() + PATIENCE
    while not (text := _read_port(profile)):
        assert process.poll() is None, (profile / "log").read_text("utf-8", "replace")[-2000:]
        assert time.monotonic() < end, "Firefox does not listen"
        time.sleep(0.1)
    return int(text)


def _read_port(profile: Path) -> str:
    try:
        return (profile / _PORT_FILE).read_text().strip()
    except OSError:
        return ""


def _do(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=PATIENCE)
