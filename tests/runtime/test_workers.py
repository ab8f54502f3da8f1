"""Which process runs what: warm ones, several at once, and none too long."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from detent.model.errors import FunctionFailed
from detent.runtime.limits import Limits
from runtime.workshop import Workshop

WHO = """
    import os, time, uuid
    process = str(uuid.uuid4())
    def handler(event, context):
        time.sleep(event or 0)
        return process
    """


def test_invocations_at_once_run_in_processes_of_their_own_up_to_the_most(
    make_workshop: Callable[..., Workshop],
) -> None:
    workshop = make_workshop(limits=Limits(workers=2))
    function = workshop.function(WHO)
    with ThreadPoolExecutor(6) as callers:
        processes = [answer.value for answer in callers.map(lambda _: workshop.invoke(function, 0.3), range(6))]
    assert len(set(processes)) == 2


def test_a_function_that_is_busy_until_the_deadline_says_so(make_workshop: Callable[..., Workshop]) -> None:
    workshop = make_workshop(limits=Limits(workers=1))
    function = workshop.function(WHO, name="slow")
    workshop.invoke(function)
    with ThreadPoolExecutor(1) as other:
        running = other.submit(workshop.invoke, function, 3)
        time.sleep(0.3)
        with pytest.raises(
            FunctionFailed, match="The function slow is busy: it runs 1 times at once, which is the most"
        ):
            workshop.invoke(function, within=0.5)
        assert running.result().value


def test_a_changed_function_runs_anew(workshop: Workshop) -> None:
    function = workshop.function(WHO)
    before = workshop.invoke(function).value
    changed = replace(function, revision="another", memory=256)
    after = workshop.invoke(changed).value
    assert before != after
    assert workshop.invoke(changed).value == after


def test_changed_code_is_what_runs(workshop: Workshop) -> None:
    function = workshop.function("def handler(event, context): return 1")
    changed = replace(workshop.function("def handler(event, context): return 2"), key=function.key)
    assert [workshop.invoke(one).value for one in (function, changed)] == [1, 2]


def test_code_is_unpacked_once(workshop: Workshop) -> None:
    function = workshop.function(WHO)
    workshop.invoke(function)
    workshop.runtime.forget(function)
    workshop.codes.clear()
    assert workshop.invoke(function).value
    workshop.runtime.close()


def test_a_forgotten_function_keeps_no_process(workshop: Workshop) -> None:
    function = workshop.function(WHO)
    before = workshop.invoke(function).value
    workshop.runtime.forget(function)
    assert workshop.invoke(function).value != before


def test_a_function_forgotten_while_it_runs_runs_to_its_end(workshop: Workshop) -> None:
    function = workshop.function(WHO)
    before = workshop.invoke(function).value
    with ThreadPoolExecutor(1) as other:
        running = other.submit(workshop.invoke, function, 1)
        time.sleep(0.3)
        workshop.runtime.forget(function)
        assert running.result().value == before
    assert workshop.invoke(function).value != before


def test_idle_processes_are_ended(make_workshop: Callable[..., Workshop]) -> None:
    workshop = make_workshop(limits=Limits(idle_seconds=0.4))
    function = workshop.function(WHO)
    before = workshop.invoke(function).value
    assert workshop.invoke(function).value == before
    time.sleep(1)
    assert workshop.invoke(function).value != before


def test_a_process_that_ended_while_it_was_idle_is_replaced(confined: Workshop) -> None:
    function = confined.function(
        """
        import os, threading, uuid
        process = str(uuid.uuid4())
        def handler(event, context):
            threading.Timer(0.1, os._exit, [1]).start()
            return process
        """
    )
    first = confined.invoke(function).value
    time.sleep(0.5)
    assert confined.invoke(function).value != first


def test_a_process_that_ends_just_when_it_is_asked_is_replaced_without_a_second_try_at_the_handler(
    workshop: Workshop,
) -> None:
    function = workshop.function(
        """
        import os, uuid
        calls = []
        def handler(event, context):
            calls.append(event)
            return len(calls)
        """
    )
    assert workshop.invoke(function).value == 1
    worker = workshop.runtime._pool._workers[function.key].idle[0]
    worker._cell.popen.kill()  # the pool has not heard of it when the next invocation comes
    assert workshop.invoke(function).value == 1


def test_closing_ends_what_runs_and_starts_nothing_more(workshop: Workshop) -> None:
    function = workshop.function(WHO)
    workshop.invoke(function)
    with ThreadPoolExecutor(1) as other:
        running = other.submit(workshop.invoke, function, 30)
        time.sleep(0.3)
        begun = time.monotonic()
        workshop.runtime.close()
        assert running.result().failure["errorType"] == "Runtime.ExitError"
        assert time.monotonic() - begun < 5
    with pytest.raises(FunctionFailed, match="The server is being stopped"):
        workshop.invoke(function)


def test_processes_outlive_the_threads_that_asked_for_them(confined: Workshop) -> None:
    """The kernel ends a child of bwrap's with the thread that started it."""
    function = confined.function(WHO)
    answers = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: answers.append(confined.invoke(function).value))
        thread.start()
        thread.join()
    assert len(set(answers)) == 1


def test_no_thread_or_descriptor_is_left_of_processes_that_ended(confined: Workshop) -> None:
    function = confined.function(WHO)
    confined.invoke(function)

    def held() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    confined.runtime.forget(function)
    time.sleep(0.3)
    before = held()
    for _ in range(5):
        confined.invoke(function)
        confined.runtime.forget(function)
    time.sleep(0.5)
    after = held()
    assert after[0] <= before[0] + 1
    assert after[1] <= before[1] + 1


def test_a_warm_invocation_costs_milliseconds(workshop: Workshop) -> None:
    """The goal is 5 ms (`make bench` tells); here only that nothing waits."""
    function = workshop.function("def handler(event, context): return event", timeout=timedelta(seconds=3))
    workshop.invoke(function)
    times = []
    for number in range(50):
        begun = time.perf_counter()
        assert workshop.invoke(function, number).value == number
        times.append(time.perf_counter() - begun)
    assert sorted(times)[25] < 0.05
