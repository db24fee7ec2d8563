"""A database whose answer to a commit is lost: a Unix socket before that of MariaDB."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

from tests.support import listener


class LostCommits:
    """Passes bytes on; of the next ``number`` commits of a job the answer is lost and the connection cut.

    Others pass: a server stores heartbeats, and times of calls, whenever it likes.
    """

    def __init__(self, place: Path, database: Path) -> None:
        """Listen at ``place`` for connections to the socket ``database``."""
        self.number = 0
        self.lost = 0
        self._database = database
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(place))
        self._socket.listen(64)
        listener.serve(self._socket, self._serve)

    def close(self) -> None:
        """Accept no more connections."""
        self._socket.close()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as database, suppress(OSError):
            database.connect(str(self._database))
            cut = threading.Event()
            threading.Thread(target=self._answer, args=(database, client, cut), daemon=True).start()
            transaction = b""
            while data := client.recv(65536):
                transaction = data if b"START TRANSACTION" in data else transaction + data
                if b"COMMIT" in data and b"INSERT INTO job_queue" in transaction and self.number > 0:
                    self.number -= 1
                    cut.set()
                database.sendall(data)

    def _answer(self, database: socket.socket, client: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while data := database.recv(65536):
                if cut.is_set():
                    self.lost += 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)
