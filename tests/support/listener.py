"""A listening socket whose connections are served by threads, until it is closed."""

import socket
import threading
from collections.abc import Callable


def serve(listening: socket.socket, handle: Callable[[socket.socket], object]) -> None:
    """Have each connection handled in a thread of its own, from now on."""
    threading.Thread(target=_accept, args=(listening, handle), daemon=True).start()


def _accept(listening: socket.socket, handle: Callable[[socket.socket], object]) -> None:
    while True:
        try:
            client, _address = listening.accept()
        except OSError:
            return
        threading.Thread(target=handle, args=(client,), daemon=True).start()
