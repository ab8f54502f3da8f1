"""The trivial server: `python -m bench.trivial WORKERS FILE` writes its URL into FILE and serves."""

import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

from detent.api.turn import Turn
from detent.main.http import uvicorn_config

BODY = b"x" * 300
HEADERS = [(b"content-type", b"application/x-amz-json-1.1"), (b"content-length", b"300")]

Message = MutableMapping[str, Any]


async def app(
    _: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Read the whole body, answer 300 bytes."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def main(workers: int, url_file: Path) -> None:
    """Serve on one listening socket, shared by the worker processes; the first ends the others."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    others: list[int] = []
    while len(others) < workers - 1:
        pid = os.fork()
        if pid == 0:
            others = []
            break
        others.append(pid)
    else:
        url_file.write_text(f"http://127.0.0.1:{listener.getsockname()[1]}")
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again when it is done
    config = uvicorn_config(app, Turn())
    uvicorn.Server(config).run(sockets=[listener])
    for pid in others:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
