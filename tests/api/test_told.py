"""What another thread finished reaches the loop: results, errors, and all that came together in one wake-up."""

import asyncio
from concurrent.futures import Future

import pytest

from detent.api.told import Told


def test_each_waits_for_its_own_result_or_error() -> None:
    async def run() -> None:
        told, good, bad = Told(), Future[str](), Future[str]()
        waiting, failing = told.of(good), told.of(bad)
        await asyncio.to_thread(bad.set_exception, ValueError("no"))
        with pytest.raises(ValueError, match="no"):
            await failing
        assert not waiting.done()
        await asyncio.to_thread(good.set_result, "yes")
        assert await waiting == "yes"

    asyncio.run(run())


def test_what_is_finished_already_is_told_too() -> None:
    async def run() -> None:
        done = Future[int]()
        done.set_result(7)
        assert await Told().of(done) == 7

    asyncio.run(run())


def test_one_wake_up_brings_all_that_came_meanwhile() -> None:
    async def run() -> None:
        told, futures = Told(), [Future[int]() for _ in range(5)]
        waiting = [told.of(future) for future in futures]
        loop, wakes = asyncio.get_running_loop(), []
        call = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *given: wakes.append(call(*given))  # type: ignore[assignment]
        for number, future in enumerate(futures):
            future.set_result(number)
        assert await asyncio.gather(*waiting) == [0, 1, 2, 3, 4]
        assert len(wakes) == 1

    asyncio.run(run())


def test_who_no_longer_waits_keeps_nobody_else_waiting() -> None:
    async def run() -> None:
        told, gone, kept = Told(), Future[int](), Future[int]()
        left, waiting = told.of(gone), told.of(kept)
        left.cancel()
        gone.set_result(1)
        kept.set_result(2)
        assert await waiting == 2

    asyncio.run(run())
