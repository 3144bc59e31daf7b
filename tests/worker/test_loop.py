"""The process's loop: results to threads, and an end that leaves no task behind."""

import asyncio
import threading

import pytest

from worker.loop import Loop


@pytest.fixture
def loop() -> Loop:
    found = Loop()
    found.start()
    return found


def test_a_thread_gets_the_result_of_what_runs_on_the_loop(loop: Loop) -> None:
    async def answer() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    assert loop.run(answer()) == "xinshi-loop"
    loop.stop()


def test_an_error_on_the_loop_reaches_the_thread_that_waits(loop: Loop) -> None:
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        loop.run(fail())
    loop.stop()


def test_what_still_runs_at_the_end_is_cancelled_and_may_clean_up(loop: Loop) -> None:
    cleaned = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    async def begin() -> "asyncio.Task[None]":
        task = asyncio.create_task(endless())
        await asyncio.sleep(0)
        return task

    task = loop.run(begin())
    loop.stop()

    assert cleaned.is_set()
    assert task.cancelled()


def test_soon_runs_on_the_loop(loop: Loop) -> None:
    ran = threading.Event()

    loop.soon(ran.set)

    assert ran.wait(5)
    loop.stop()
