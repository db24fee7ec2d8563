"""The way of one daemon to the server: a proxy that can be cut, reset and slowed down."""

import selectors
import socket
import time
from contextlib import suppress

from tests.support import listener

# So much is passed on at once, so often it is looked whether the link is still there.
_PIECE, _LOOK = 65536, 0.2
_HEAD_LIMIT = 8192


class Link:
    """Understands CONNECT and passes bytes on; TLS goes through it and is not opened."""

    def __init__(self) -> None:
        """Listen from now on; nothing is cut or slow."""
        self.is_cut = False
        self.delay = 0.0
        self._resets = 0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        listener.serve(self._socket, self._serve)

    def reset(self) -> None:
        """Cut all connections that there are now."""
        self._resets += 1

    def close(self) -> None:
        """Accept no more, and cut what there is."""
        self.reset()
        self._socket.close()

    def _serve(self, client: socket.socket) -> None:
        turn = self._resets
        with client, suppress(OSError, ValueError, IndexError):
            if self.is_cut:
                return
            client.settimeout(10)
            head = b""
            while not head.endswith(b"\r\n\r\n") and len(head) < _HEAD_LIMIT:
                if not (more := client.recv(1)):
                    return
                head += more
            host, port = head.split()[1].decode().rsplit(":", 1)
            with socket.create_connection((host, int(port)), 10) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._pass_on(client, server, turn)

    def _pass_on(self, client: socket.socket, server: socket.socket, turn: int) -> None:
        other = {client: server, server: client}
        with selectors.DefaultSelector() as selector:
            for side in other:
                selector.register(side, selectors.EVENT_READ)
            while not self.is_cut and turn == self._resets:
                for key, _events in selector.select(_LOOK):
                    side = client if key.fileobj is client else server
                    if not (data := side.recv(_PIECE)):
                        return
                    if self.delay:
                        time.sleep(self.delay)
                    if self.is_cut or turn != self._resets:
                        return
                    other[side].sendall(data)
