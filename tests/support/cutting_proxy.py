"""A proxy of the test's own on the way to a server, that cuts one connection at a moment of its choice."""

import select
import socket
import threading
from dataclasses import dataclass
from enum import StrEnum

from tests.support import listener


class When(StrEnum):
    """Which side of a question is lost."""

    BEFORE = "before the question arrives"
    AFTER = "after the question has arrived, before its answer does"


@dataclass
class Cut:
    """The n-th time, over all connections, that the client begins to speak: there it is cut, once."""

    turn: int
    when: When
    turns: int = -1
    done: bool = False


class CuttingProxy:
    """Understands CONNECT and passes bytes on; TLS goes through it and is not opened."""

    def __init__(self) -> None:
        """Listen, and cut nothing until a test says so."""
        self.cut = Cut(-1, When.BEFORE)
        self.connections = 0
        self._guard = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        listener.serve(self._socket, self._serve)

    def close(self) -> None:
        """Accept no more."""
        self._socket.close()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        host, port = head.split()[1].decode().rsplit(":", 1)
        with client, socket.create_connection((host, int(port))) as server:
            self.connections += 1
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        heard, doomed = server, False
        while True:
            for speaker in select.select([client, server], [], [])[0]:
                data = speaker.recv(65536)
                # A client sends to a proxy in large packets only, a small one when the last was confirmed.
                speaker.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                if not data or (doomed and speaker is server):
                    return
                if speaker is client and heard is server:
                    doomed = self._is_cut()
                    if doomed and self.cut.when is When.BEFORE:
                        return
                heard = speaker
                (server if speaker is client else client).sendall(data)

    def _is_cut(self) -> bool:
        with self._guard:
            self.cut.turns += 1
            if self.cut.turns != self.cut.turn:
                return False
            self.cut.done = True
            return True
