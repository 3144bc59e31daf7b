"""Each fault of the sandbox on the first of three accounts: the others carry the rest.

Chuangxin is the first account: it takes one number a call, cannot be asked what became of a
message, and has no balance call that would close its breaker. So everything that follows from a
fault follows from the submits alone.
"""

from collections import Counter
from collections.abc import Callable

import pytest

from worker.contract.keys import STATE
from worker.contract.status import Status
from worker.store import care

from .conftest import TAKEN, Stack, figures

FIRST, OTHERS = "chuangxin", {"tencent", "chuangrui"}
COUNT = 400
#: At most 20 at once at the first account, so that the others are asked from the beginning.
SETTINGS = """
[breaker]
open = "1s"
suspended = "1s"
longest = "2s"
[worker]
grace = "3s"
[vendors.chuangxin.limits]
concurrency = 20
"""
#: An answer that never comes is not waited for; any other may be late on a busy machine.
HANGING = """
[vendors.chuangxin.timeouts]
total = 1.0
"""
#: The vendor may have taken it: it stays unknown, with its account.
LOST = ["drop_before", "drop_after", "hang", "502", "504", "garbage", "empty"]
#: It certainly did not, and the account is left alone.
DOWN = ["500", "503", "suspended"]
#: It certainly did not, and the account goes on.
NO = ["throttle", "code"]
#: It did, and its answer was lost.
KEPT = {"drop_after", "504", "garbage", "empty"}
QUICK = ["drop_after", "503", "suspended"]


def _fault(kind: str) -> dict[str, str]:
    found = {"kind": kind, "vendor": FIRST}
    return found | {"code": "未知的返回"} if kind == "code" else found


def _state(stack: Stack) -> care.AccountState:
    (found,) = stack.store.run(care.states([FIRST])).accounts
    return found


def _tripped(stack: Stack) -> bool:
    """Whether its breaker is open, or waits for a probe."""
    return _state(stack).probing


def _take_the_rest(stack: Stack, kind: str) -> Counter[str]:
    """Send under the fault; everything the first account did not keep goes by the others."""
    ids = stack.send(COUNT)
    stack.until("every message is settled", stack.settled(ids))

    records = stack.records(ids)
    unknown = [record for record in records if record.status is Status.UNKNOWN]
    submitted = [record for record in records if record.status in TAKEN]
    assert len(unknown) + len(submitted) == COUNT
    assert {record.account for record in submitted} <= OTHERS, "the fault was not in force"
    assert stack.true_states(ids)[Status.UNKNOWN] == len(unknown)
    if kind in LOST:
        assert len(unknown) > 4
        assert all(record.account == FIRST for record in unknown), "it failed over"
        assert all(record.attempt == 1 for record in unknown), "it was resent"
        got = stack.handsets()
        times = {got.get(record.to[3:], 0) for record in unknown}
        assert times == {int(kind in KEPT)}
    else:
        assert not unknown
    return Counter(record.account for record in records)


def _come_back(stack: Stack) -> None:
    """The fault is over: one message pinned there is the probe, then everything goes as ever."""
    stack.ask("/_sandbox/faults", method="DELETE")
    probe = stack.send(1, first=COUNT, account=FIRST)
    stack.until("the probe is taken", stack.submitted(probe))
    stack.until("the breaker is closed", lambda: not _tripped(stack))
    after = stack.send(50, first=COUNT + 1, account=FIRST)
    stack.until("the account is used again", stack.submitted(after))


def _prove(make_stack: Callable[..., Stack], kind: str) -> None:
    settings = SETTINGS + (HANGING if kind == "hang" else "")
    stack = make_stack(settings, notice=[FIRST, *sorted(OTHERS)])
    stack.ask("/_sandbox/faults", method="PUT", body=_fault(kind))
    stack.start("worker")
    stack.start("beat")
    accounts = _take_the_rest(stack, kind)
    state = _state(stack)
    kept = stack.store.redis.hgetall(STATE + FIRST)
    assert _tripped(stack) == (kind not in NO), f"{kind}: {kept}"
    assert (state.limit > 0) == (kind == "throttle")
    _come_back(stack)
    said = stack.logs("worker")
    assert ("account.suspended" in said) == (kind not in NO)
    figures(f"{kind}: {dict(accounts)}, {state.why or 'breaker closed'}")
    got = stack.handsets()
    assert set(got.values()) == {1}, "a handset got a message twice"


@pytest.mark.system
@pytest.mark.parametrize("kind", QUICK)
def test_under_a_fault_the_others_carry_the_rest(
    make_stack: Callable[..., Stack], kind: str
) -> None:
    _prove(make_stack, kind)


@pytest.mark.chaos
@pytest.mark.parametrize("kind", [each for each in LOST + DOWN + NO if each not in QUICK])
def test_under_each_other_fault_too(make_stack: Callable[..., Stack], kind: str) -> None:
    _prove(make_stack, kind)
