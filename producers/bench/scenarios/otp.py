"""OTP under bulk: how long a code takes to the vendor while bulk runs at full speed.

Codes have an endpoint of their own, so that what is measured is the worker and not the endpoint.
"""

import time
from collections.abc import Sequence
from functools import partial

from producers.bench.figures import Measured, Subject, latencies
from producers.bench.options import Options
from producers.bench.rig import Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import distinct, number
from producers.bench.vendor import VendorEnd
from worker.contract.status import Stream

_MESSAGES = 100_000
_EVERY = 0.1  # seconds between two codes
_LEAST = 10  # codes, however short the bulk is
_BEGIN, _OVER = 0.05, 0.95  # of the bulk: between them it runs at full speed


def _subjects(options: Options) -> Sequence[Subject]:
    return [
        Subject("one worker for both", partial(_measure, options, own=False)),
        Subject("a worker of its own", partial(_measure, options, own=True)),
    ]


def _measure(options: Options, *, own: bool) -> Measured:
    messages = options.count(_MESSAGES)
    with Rig(options) as rig:
        bulk, otp = rig.vendor("bulk"), rig.vendor("otp")
        rig.configure(("bulk", "zhenzi", bulk), ("otp", "zhenzi", otp))
        ids = rig.enqueue(distinct(messages))
        if own:
            rig.workers(1, Stream.OTP)
        rig.workers(options.processes, Stream.NOTICE, *(() if own else (Stream.OTP,)))
        rig.until("bulk messages", bulk.taken, messages * _BEGIN)
        codes, sent = _send(rig, bulk, messages * _OVER)
        rig.delivered(bulk, ids)
        rig.delivered(otp, codes)
        arrivals = otp.arrivals()
        took = [arrivals[each] - begun for each, begun in sent.items()]
        rate = rig.steady(bulk, messages)["rate"]
        return Measured({**latencies(took), "bulk_rate": rate})


def _send(rig: Rig, bulk: VendorEnd, enough: float) -> tuple[list[str], dict[str, float]]:
    """Send codes until the bulk is nearly through; return their ids, and when each was sent."""
    ids: list[str] = []
    sent: dict[str, float] = {}
    due = time.monotonic()
    with rig.client() as client:
        while len(ids) < _LEAST or bulk.taken() < enough:
            time.sleep(max(0.0, due - time.monotonic()))
            to = number(len(ids), "139")
            sent[to] = time.monotonic()
            ids.append(client.send(to, f"您的验证码是{len(ids):06d}", stream="otp"))
            due = max(due + _EVERY, time.monotonic())
    return ids, sent


SCENARIO = Scenario(
    about="codes from send() to the vendor, ten a second, while bulk runs",
    lead="p99_ms",
    messages=_MESSAGES,
    subjects=_subjects,
)
