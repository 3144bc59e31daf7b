"""Delivery reports of Tencent's product: waiting for a poll, or pushed as the native platform does.

The native push is a JSON array that our side answers with the text OK.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from worker.sandbox import states
from worker.sandbox.accounts import VendorAccount
from worker.sandbox.days import stamp
from worker.sandbox.dialect import Order
from worker.sandbox.endings import Fate, Timing
from worker.sandbox.pushes import Push
from worker.sandbox.state import State

SPID = "900001"


class Sent(NamedTuple):
    number: str
    text: str
    mid: str
    extno: str


class Due(NamedTuple):
    """A delivery report to come."""

    early: bool
    after: float
    item: dict[str, Any]


def dues(sent: Sent, fate: Fate, order: Order, state: State) -> list[Due]:
    """Return the reports of one message."""
    now, early = state.clock(), fate.timing is Timing.EARLY
    return [
        Due(early, after, _item(sent, order.state or states.TENCENT[said], now + after))
        for after, said in state.reports(sent.number, fate)
    ]


def _item(sent: Sent, stat: str, at: float) -> dict[str, Any]:
    return {
        "flag": 1,
        "mid": sent.mid,
        "spid": SPID,
        "accessCode": sent.extno,
        "mobile": sent.number,
        "stat": stat,
        "time": stamp(at),
    }


def report(account: VendorAccount, reports: Sequence[Due], order: Order, state: State) -> None:
    """Let reports wait for a poll, or push them: one call for all that come together."""
    pushes: dict[tuple[bool, float], list[dict[str, Any]]] = {}
    for early, after, item in reports:
        if state.settings.tencent.push:
            pushes.setdefault((early, after), []).append(item)
        else:
            account.reports.put(state.clock() + after, item)
    for (early, after), items in pushes.items():
        push = Push(vendor="tencent", account=account.name, kind="report", items=items)
        if early:
            order.early.append(push)
        else:
            state.pusher.schedule(push, after)
