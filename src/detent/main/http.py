"""The HTTP server of one worker process: uvicorn, bounded, replying at the end of its loop's turns."""

import gc
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from detent.api.limits import BoundedHttp
from detent.api.turn import Turn
from detent.main.house import House

GRACE_SECONDS = 10  # for requests under way when told to stop
KEEP_ALIVE_SECONDS = 60


def uvicorn_config(app: Any, turn: Turn, cert: Path | None = None, key: Path | None = None) -> uvicorn.Config:  # noqa: ANN401 - an ASGI callable
    """Give uvicorn's settings; the benchmark serves its trivial handler under the same ones."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=partial(BoundedHttp, turn=turn),  # type: ignore[arg-type]  # called like the class
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=cert,
        ssl_keyfile=key,
    )


def work(house: House, listening: socket.socket, ready: int) -> None:
    """Serve on the socket until told to stop; one byte goes to the descriptor `ready` once it serves."""
    for told in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises the one it stopped for once more, when it is done
        signal.signal(told, lambda _number, _frame: sys.exit(0))
    gc.set_threshold(50_000, 20, 50)  # a request leaves no garbage that is worth looking for so often
    app, turn = house.app()
    _Worker(uvicorn_config(app, turn, house.settings.tls_cert, house.settings.tls_key), ready).run(sockets=[listening])


class _Worker(uvicorn.Server):
    """uvicorn's server, saying when it serves."""

    def __init__(self, config: uvicorn.Config, ready: int) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        os.write(self._ready, b"1")
