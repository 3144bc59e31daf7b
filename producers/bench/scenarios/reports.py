"""Reports: how fast what vendors said, raw in the spool, becomes the end of messages."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby, islice

from producers.bench.claims import submit_all
from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import distinct
from worker.contract import keys
from worker.contract.events import Raw
from worker.contract.status import Status
from worker.store.client import AsyncStore
from worker.store.spool import Spool

_MESSAGES = 50_000
_PAGE = 500  # reports of one page of Tencent's product
_PUSH = 10  # numbers of one push of ChuangRui
_TIME = "2026-01-01 12:00:00"

_Pairs = Sequence[tuple[str, str]]  # number and vendor's id
_Spell = Callable[[_Pairs], Iterator[Raw]]  # reports, as a vendor hands them over


def _subjects(options: Options) -> Sequence[Subject]:
    return [
        Subject(f"tencent, {_PAGE} a page", partial(_measure, options, "tencent", _pages, 1)),
        Subject(
            f"chuangrui, {_PUSH} a push", partial(_measure, options, "chuangrui", _pushes, _PUSH)
        ),
    ]


def _measure(options: Options, adapter: str, spell: _Spell, shared: int) -> Measured:
    messages = options.count(_MESSAGES)
    with Rig(options) as rig:
        rig.configure(("bench", adapter, rig.vendor()))
        ids = rig.enqueue(distinct(messages))
        pairs = submit_all(rig.store, "bench", shared)
        asyncio.run(_spool(rig.url, spell(pairs)))
        rig.workers(options.processes, ticks=True)
        rig.celery("beat", "beat", "-l", "INFO")
        begin, end = _drained(rig)
        rig.settled(ids, Status.DELIVERED)
        return Measured(rig.watch.between(begin, end, messages))


async def _spool(url: str, pages: Iterator[Raw]) -> None:
    store = AsyncStore(url)
    spool = Spool(store)
    for raw in pages:
        await spool.put("bench", raw)
    await store.close()


def _drained(rig: Rig) -> tuple[float, float]:
    """Return when the first page was gone, nearly, and when the last one."""
    seen: list[tuple[float, int]] = []

    def left() -> int:
        found = rig.store.redis.xlen(keys.SPOOL)
        assert isinstance(found, int)
        seen.append((time.monotonic(), found))
        return -found

    rig.until("pages that are settled", left, 0)
    full = seen[0][1]
    return max(moment for moment, pages in seen if pages == full), seen[-1][0]


def _pages(pairs: _Pairs) -> Iterator[Raw]:
    """Yield polled pages, as Tencent's product has them."""
    left = iter(pairs)
    while page := list(islice(left, _PAGE)):
        rows = [
            {"flag": 1, "mid": mid, "mobile": number, "stat": "DELIVRD", "time": _TIME}
            for number, mid in page
        ]
        yield Raw("report", json.dumps({"status": "0", "list": rows}))


def _pushes(pairs: _Pairs) -> Iterator[Raw]:
    """Yield pushes, as ChuangRui makes them: all numbers of a call that ended alike."""
    for sendid, group in groupby(pairs, key=lambda pair: pair[1]):
        numbers = ",".join(number for number, _ in group)
        params = {"name": "bench", "sendid": sendid, "time": _TIME, "mobile": numbers}
        yield Raw("report", "", {**params, "state": "DELIVRD"})


SCENARIO = Scenario(
    about="reports in the spool until their messages are settled",
    lead="rate",
    messages=_MESSAGES,
    subjects=_subjects,
    submits=False,
)
