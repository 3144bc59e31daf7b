"""Cold: what the first OTP after a worker's start pays more than the second."""

import time
from collections.abc import Sequence
from functools import partial

from producers.bench.figures import Measured, Subject
from producers.bench.options import Options
from producers.bench.rig import Rig
from producers.bench.scenario import Scenario
from producers.bench.traffic import number
from producers.bench.vendor import VendorEnd
from producers.client import Client
from worker.contract.status import Status, Stream

_IDLE = 1.0  # seconds that the worker is left alone before


def _subjects(options: Options) -> Sequence[Subject]:
    return [Subject("xinshi", partial(_measure, options))]


def _measure(options: Options) -> Measured:
    with Rig(options) as rig:
        vendor = rig.vendor()
        rig.configure(("bench", "zhenzi", vendor))
        with rig.client() as client:
            client.send(number(0), "通知")  # so that the producer is warm; nobody takes it
            rig.workers(1, Stream.OTP)
            time.sleep(_IDLE)
            first = _send(rig, client, vendor, 1)
            second = _send(rig, client, vendor, 2)
        rig.once(vendor, 2)
        return Measured({"first_ms": first * 1000, "second_ms": second * 1000})


def _send(rig: Rig, client: Client, vendor: VendorEnd, place: int) -> float:
    """Return the seconds that one code takes from send() to the vendor."""
    to = number(place, "139")
    begun = time.monotonic()
    message_id = client.send(to, f"您的验证码是{place:06d}", stream="otp")
    rig.until("codes at the vendor", vendor.taken, place)
    rig.settled([message_id], Status.SUBMITTED)
    return vendor.arrivals()[to] - begun


SCENARIO = Scenario(
    about="the first code after a worker's start, and the second",
    lead="first_ms",
    messages=0,
    subjects=_subjects,
)
