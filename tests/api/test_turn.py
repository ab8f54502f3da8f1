"""One turn of the loop: records, then replies; and nothing leaves unrecorded."""

import asyncio
from typing import Any

from detent.api.turn import CorkedTransport, Turn


class Wire:
    """A transport that writes down what reaches it."""

    def __init__(self, happened: list[str], *, broken: bool = False) -> None:
        self.happened, self.broken, self.closed = happened, broken, False

    def write(self, data: bytes) -> None:
        if self.broken:
            raise RuntimeError("the connection is gone")
        self.happened.append(data.decode())

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True
        self.happened.append("closed")

    def abort(self) -> None:
        self.closed = True
        self.happened.append("aborted")


class Records:
    """An audit batch that says when it is written, or fails."""

    def __init__(self, happened: list[str], *, full: bool = False) -> None:
        self.happened, self.full = happened, full

    def write(self) -> None:
        if self.full:
            raise OSError("No space left on device")
        self.happened.append("recorded")


def played(script: Any, *, full: bool = False) -> list[str]:
    """Run a script of one turn, and let the turn end."""
    happened: list[str] = []

    async def run() -> None:
        script(Turn(Records(happened, full=full)), happened)  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(run())
    return happened


def test_every_reply_of_a_turn_leaves_whole_after_the_records_of_all() -> None:
    def script(turn: Turn, happened: list[str]) -> None:
        for name in "ab":
            transport = CorkedTransport(Wire(happened), turn)  # type: ignore[arg-type]
            transport.write(f"{name}-head ".encode())
            transport.write(f"{name}-body".encode())
        happened.append("end of turn")

    assert played(script) == ["end of turn", "recorded", "a-head a-body", "b-head b-body"]


def test_no_reply_leaves_when_the_records_cannot_be_written() -> None:
    def script(turn: Turn, happened: list[str]) -> None:
        for _ in range(2):
            CorkedTransport(Wire(happened), turn).write(b"reply")  # type: ignore[arg-type]

    assert played(script, full=True) == ["aborted", "aborted"]


def test_a_broken_connection_keeps_no_other_reply_back() -> None:
    def script(turn: Turn, happened: list[str]) -> None:
        for broken in (True, False):
            CorkedTransport(Wire(happened, broken=broken), turn).write(b"reply")  # type: ignore[arg-type]

    assert played(script) == ["recorded", "reply"]


def test_a_connection_closed_after_its_reply_closes_once_the_reply_has_left() -> None:
    def script(turn: Turn, happened: list[str]) -> None:
        transport = CorkedTransport(Wire(happened), turn)  # type: ignore[arg-type]
        transport.write(b"reply")
        transport.close()
        assert transport.is_closing()
        happened.append("end of turn")

    assert played(script) == ["end of turn", "recorded", "reply", "closed"]


def test_a_stamp_is_forgotten_when_the_turn_ends() -> None:
    async def run() -> None:
        turn = Turn()
        turn.saw("stamp")
        assert turn.stamp == "stamp"
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert turn.stamp is None

    asyncio.run(run())
