"""A port that says the same to everybody, whatever they send, and closes."""

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread


@contextmanager
def answering(said: bytes) -> Iterator[int]:
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = door.accept()
                with one, contextlib.suppress(OSError):
                    one.settimeout(5)
                    one.recv(4096)
                    one.sendall(said)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield door.getsockname()[1]
    finally:
        door.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        door.close()
