"""Reports that never reach us: their messages stay submitted, and are never called delivered.

How often a vendor pushes what we did not take is documented nowhere. The sandbox tries as often
as it is told to, so both are shown here: vendors that push again, and vendors that don't.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from producers import Client
from producers.snapshot import NO_REPORT
from worker.contract.status import Status

from .conftest import Stack, number
from .proxy import Proxy

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PUSHING = ("chuangrui", "zhenzi", "tencent")
COUNT = 10  # messages an account
HORIZON = timedelta(hours=72)  # [store] reports: its default
SETTINGS = """
[vendors.tencent.timeouts]
total = 5.0
"""
#: Tencent's push carries no secret: it is known by where it comes from.
KNOWN = {"XINSHI_VENDORS__TENCENT__CALLBACK_ADDRESSES": "127.0.0.1"}


def _pushing(stack: Stack, **rules: object) -> None:
    """Let all three vendors push to a gateway that does not run yet."""
    pushes = {"callback": stack.gateway, "tencent": {"push": True}}
    stack.ask("/_sandbox/settings", method="PUT", body=pushes | rules)
    for name in ("worker", "beat"):
        stack.start(name, **KNOWN)


def _start_gateway(stack: Stack) -> None:
    stack.start("gateway", GATEWAY_LISTEN=stack.gateway.removeprefix("http://"), **KNOWN)


def _send(stack: Stack, first: int) -> list[str]:
    """Send to handsets that get it, by each of the vendors that push."""
    return [
        message_id
        for place, account in enumerate(PUSHING)
        for message_id in stack.send(COUNT, first=first + place * COUNT, account=account)
    ]


def _become(stack: Stack, ids: Sequence[str], status: Status) -> None:
    stack.until(
        f"all are {status}", lambda: {each.status for each in stack.records(list(ids))} == {status}
    )


def _tell(stack: Stack, ids: Sequence[str], after: timedelta = timedelta()) -> set[tuple[str, str]]:
    """Return status and reason as a client tells them, now or after some time."""
    with Client(
        config=stack.config, redis_url=stack.url, clock=lambda: datetime.now(UTC) + after
    ) as client:
        found = [client.status(each) for each in ids]
    return {(each.status, each.reason) for each in found}


def _stay_submitted(stack: Stack, ids: Sequence[str]) -> None:
    """Check that no report is told of once none can come any more, and none before."""
    assert {reason == NO_REPORT for _, reason in _tell(stack, ids)} == {False}
    assert _tell(stack, ids, HORIZON) == {(Status.SUBMITTED, NO_REPORT)}


def _lost(stack: Stack) -> int:
    found: int = stack.ask("/_sandbox/pushes")["lost"]
    return found


def test_what_a_vendor_pushes_again_is_all_taken_in_when_the_gateway_is_back(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    _pushing(stack, push_attempts=12, push_pause=0.1)
    ids = _send(stack, 0)
    _become(stack, ids, Status.SUBMITTED)
    reply = {"number": number(0), "text": "退订", "vendor": "chuangrui"}
    other = {"number": number(2 * COUNT), "text": "ｔｄ", "vendor": "tencent"}
    stack.ask("/_sandbox/mo", method="POST", body=[reply, other])

    def tried() -> bool:
        pushes = stack.ask("/_sandbox/pushes")["pushes"]
        vendors = {push["vendor"] for push in pushes}
        return vendors == {*PUSHING} and all(push["attempts"] > 2 for push in pushes)

    stack.until("every push met nobody, again and again", tried)
    assert stack.ask("/_sandbox/pushes")["acked"] == 0
    _become(stack, ids, Status.SUBMITTED)
    _start_gateway(stack)

    _become(stack, ids, Status.DELIVERED)
    stack.until(
        "both replies are in the inbox", lambda: stack.store.redis.xlen("xinshi:inbound") == 2
    )
    assert _lost(stack) == 0


def test_what_a_vendor_does_not_push_again_is_lost_and_never_called_delivered(
    make_stack: Callable[..., Stack],
) -> None:
    stack = make_stack()
    _pushing(stack, push_attempts=1)
    gone = _send(stack, 0)
    _become(stack, gone, Status.SUBMITTED)
    stack.until("no push is on its way", lambda: not stack.ask("/_sandbox")["pushes"]["pending"])
    assert _lost(stack) == len(gone)
    _start_gateway(stack)
    stack.ask("/_sandbox/settings", method="PUT", body={"push_attempts": 12})
    told = _send(stack, len(gone))
    _become(stack, told, Status.DELIVERED)

    assert len(stack.handsets()) == len(gone) + len(told), "they got it all the same"
    _stay_submitted(stack, gone)
    assert _tell(stack, told, HORIZON) == {(Status.DELIVERED, "")}


def test_a_page_that_was_lost_on_its_way_leaves_its_messages_submitted_and_no_others(
    make_stack: Callable[..., Stack],
) -> None:
    """Once the vendor drops the connection behind the page, once the network swallows it."""
    stack = make_stack(SETTINGS)
    port = int(stack.sandbox.rpartition(":")[2])
    stack.start("beat")
    with Proxy(port) as proxy:
        address = f"http://127.0.0.1:{proxy.port}/tencent/release"
        stack.start("worker", XINSHI_VENDORS__TENCENT__BASE_URL=address)
        before = stack.send(COUNT, account="tencent")
        _become(stack, before, Status.DELIVERED)

        fault = {"kind": "drop_after", "vendor": "tencent", "operation": "report"}
        stack.ask("/_sandbox/faults", method="PUT", body=fault)
        dropped = stack.send(COUNT, first=COUNT, account="tencent")
        _handed_out(stack, 2 * COUNT)
        stack.ask("/_sandbox/faults", method="DELETE")

        proxy.hold_answers("/smsreport")
        swallowed = stack.send(COUNT, first=2 * COUNT, account="tencent")
        _handed_out(stack, 3 * COUNT)
        stack.until("its answer is held", lambda: proxy.held > 0)
        _become(stack, swallowed, Status.SUBMITTED)
        proxy.cut()

        after = stack.send(COUNT, first=3 * COUNT, account="tencent")
        _become(stack, after, Status.DELIVERED)

    _stay_submitted(stack, dropped + swallowed)
    assert _tell(stack, before + after, HORIZON) == {(Status.DELIVERED, "")}
    assert set(stack.handsets().values()) == {1}, "a handset got a message twice"
    assert stack.logs("worker").count("poll.failed") >= 2


def _handed_out(stack: Stack, count: int) -> None:
    """Wait until so many reports were given to polls in all."""

    def given() -> bool:
        pages = stack.ask("/_sandbox/pages?kind=report")["pages"]
        return sum(len(page["items"]) for page in pages) == count

    stack.until(f"{count} reports are handed out", given)
