"""What comes back, with the real processes: every handset's fate is our status in the end.

Tencent's reports and replies are polled, ChuangRui's are pushed to our gateway. They come late,
before the answer, twice and in any order, while workers, beat and gateway are killed.
"""

import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from worker.contract import keys
from worker.contract.status import Status
from worker.sandbox.endings import Ending

from .books import BARRED, Books, numbers, spool, was_lost, was_resent
from .conftest import Stack, figures

#: Some at once only, so that a kill finds messages before, in and after their submit.
SETTINGS = """
[worker]
grace = "2s"

[vendors.tencent.timeouts]
total = 3.0

[vendors.chuangrui.timeouts]
total = 3.0

[vendors.tencent.limits]
concurrency = 40

[vendors.chuangrui.limits]
concurrency = 40

[streams.marketing]
quiet_hours = ""
"""
#: Pushes are tried for two minutes: longer than a gateway is away here.
RULES = {"latency": 0.2, "late": 4.0, "push_attempts": 10, "push_pause": 0.25}
OPT_OUTS = ("T", "退订", "ＴＤ", "td。", "退訂", " ｔ ")
REPLIES = ("好的", "Today 到吗？", "请勿退订")


@dataclass(slots=True)
class Victims:
    """The processes that are killed, each started again."""

    stack: Stack
    env: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        self.running[name] = self.stack.start(name, **self.env)

    def kill(self, name: str) -> None:
        self.stack.stop(self.running[name], signal.SIGKILL)


def _texts(chance: random.Random, sent: Sequence[str]) -> dict[str, str]:
    """Return what some of the handsets reply, opt-outs and others by turns."""
    repliers = chance.sample(sent, min(len(sent), 12))
    words = [chance.choice(OPT_OUTS if place % 2 else REPLIES) for place in range(len(repliers))]
    return dict(zip(repliers, words, strict=True))


def _prove(stack: Stack, count: int, order: Sequence[str], chance: random.Random) -> None:
    """Send ``count`` messages under the kills in ``order``, and compare the books."""
    begun = time.monotonic()
    books = Books(stack)
    victims = Victims(stack, {"GATEWAY_LISTEN": stack.gateway.removeprefix("http://")})
    for name in ("worker", "beat", "gateway"):
        victims.start(name)
    everyone = numbers(count)
    step = -(-count // len(order))
    for place, name in enumerate(order):
        books.send(everyone[place * step :][:step])
        stack.more_taken(chance.randrange(1, step // 2))
        books.reply(_texts(chance, [*books.ids][place * step :]))
        time.sleep(0.3 * chance.random())  # a random moment, with submits on their way for most
        victims.kill(name)
        books.kills += name == "worker"
        if name == "gateway":
            time.sleep(2 * chance.random())  # pushes meet nobody
        victims.start(name)
    stack.until("nothing is on its way any more", books.settled, patience=240)

    cut_off = stack.logs("worker").count("poll.failed")
    lost = books.lost(cut_off)
    assert stack.ask("/_sandbox/pushes?limit=1")["lost"] == 0
    assert spool(stack) == (0, 0, 0)
    assert not any(map(was_resent, books.records().values())), "submitted again without proof"
    gone = _opted_out(books, cut_off)
    _suppressed(books, gone)
    figures(
        f"{count} messages, {len(books.replies)} replies, {len(order)} kills, "
        f"{time.monotonic() - begun:.0f} s: {_summary(books, len(lost))}"
    )


def _opted_out(books: Books, cut_off: int) -> list[str]:
    """Check the replies, and return the numbers that opted out."""
    letters = books.letters(cut_off)
    gone = {letter["sender"][3:] for letter in letters if letter["text"] in OPT_OUTS}
    assert all(letter["opted_out"] == (letter["text"] in OPT_OUTS) for letter in letters)
    assert all(
        letter["message_id"] in ("", books.ids[letter["sender"][3:]]) for letter in letters
    ), "a reply to another one's message"
    # All marketing, where the reply came before the answer that told what it is a reply to.
    redis = books.stack.store.redis
    lists = [redis.smembers(f"{keys.SUPPRESSED}{scope}") for scope in ("all", "sign:信使")]
    assert lists[0] | lists[1] == {each.encode() for each in gone}
    return sorted(gone)


def _suppressed(books: Books, gone: list[str]) -> None:
    """No advert leaves for who opted out or is barred; a notice, and others' adverts, do."""
    stack, ledger, untold = books.stack, books.ledger(), books.untold()
    barred = [each for each, ending in ledger.items() if ending in BARRED and each not in untold]
    free = next(each for each in ledger if ledger[each] is Ending.DELIVERED and each not in gone)
    before = stack.taken()
    adverts = [_advert(books, each) for each in gone + barred]
    stack.until(
        "adverts are suppressed",
        lambda: {each.status for each in stack.records(adverts)} == {Status.SUPPRESSED},
    )
    assert stack.taken() == before, "a vendor was asked to carry an advert"
    wanted = [_advert(books, free), stack.client.send(gone[0], "您的订单已签收", account="tencent")]
    stack.until("what is wanted goes on", stack.submitted(wanted))


def _advert(books: Books, to: str) -> str:
    return books.stack.client.send(
        to, "大促销，回T退订", stream="marketing", account=books.accounts[to]
    )


def _summary(books: Books, lost: int) -> str:
    records = books.records().values()
    pushes = books.stack.ask("/_sandbox/pushes")
    again = sum(push["attempts"] > 1 for push in pushes["pushes"])
    pages = len(books.pages("report"))
    return (
        f"{sum(map(was_lost, records))} answers lost, {pages} pages polled, {pushes['acked']} "
        f"pushes ({again} of the latest again), {lost} without their report"
    )


def _make(make_stack: Callable[..., Stack], **rules: float) -> Stack:
    stack = make_stack(SETTINGS)
    stack.ask(
        "/_sandbox/settings", method="PUT", body={**RULES, **rules, "callback": stack.gateway}
    )
    return stack


@pytest.mark.system
@pytest.mark.timeout(420)
def test_every_handsets_fate_is_our_status_in_the_end_whoever_is_killed(
    make_stack: Callable[..., Stack],
) -> None:
    """The worker goes before the first report: a page in a dead parser's hands waits a minute."""
    stack = _make(make_stack, report_delay=4.0, report_spread=2.0)
    seed = random.randrange(10**6)
    figures(f"seed {seed}")
    _prove(stack, 1000, ["worker", "gateway", "beat", "gateway"], random.Random(seed))


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_five_thousand_fates_under_kills_at_random(make_stack: Callable[..., Stack]) -> None:
    stack = _make(make_stack, report_delay=1.0, report_spread=2.0)
    seed = random.randrange(10**6)
    figures(f"seed {seed}")
    chance = random.Random(seed)
    slow = {"kind": "delay", "vendor": "tencent", "seconds": 1.0}  # kills find pages on their way
    polls = [slow | {"operation": kind} for kind in ("report", "inbound")]
    stack.ask("/_sandbox/faults", method="PUT", body=polls)
    order = ["worker", "gateway", "gateway", "beat"] * 6
    chance.shuffle(order)
    _prove(stack, 5000, order, chance)
