"""Every act in any order against a plain model: nothing lost, nothing sent twice, nothing undone."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

from hypothesis import settings as budget
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from worker.contract import keys
from worker.contract.record import Record
from worker.contract.status import FINAL, FOLLOWS, Status
from worker.store import acts
from worker.store.acts import Act, Claimed

from .conftest import (
    MINUTE,
    NUMBER,
    Lab,
    Ticket,
    account,
    claim,
    deferred,
    entry,
    pack_windows,
    settled,
    trail,
)

HALF = MINUTE // 2  # time moves by this, so that what a run itself takes never matters
WINDOWS = (2, 2 * MINUTE)
ROUTE = [
    account("a", windows=[WINDOWS], learns=True, concurrency=2, life=MINUTE),
    account("b", concurrency=1, life=MINUTE),
]
PUMPS = st.sampled_from([0, 1])
WAITING = (Status.ACCEPTED, Status.SCHEDULED)


@dataclass
class Message:
    """What the model knows of a message."""

    status: Status
    expires: int
    due: int = 0
    attempt: int = 0
    deadline: int = 0
    named: bool = False  #: the vendor's id is known
    sms: int = 0  #: how many the handset got


@dataclass(frozen=True)
class Attempt:
    """One submit: what the vendor did, and what we shall hear of it, if anything."""

    id: str
    number: int
    taken: bool
    answer: str  #: submitted, rejected, deferred, or nothing


@dataclass
class Model:
    now: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    stranded: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    #: by a claim's lost answer, a pump

    def move(self, message: Message, status: Status) -> bool:
        if status not in FOLLOWS[message.status]:
            return False
        message.status = status
        return True


FATES = st.sampled_from(
    [
        (True, "submitted"),
        (True, ""),
        (False, "rejected"),
        (False, "deferred"),
        (False, ""),
    ]
)


class Life(RuleBasedStateMachine):
    attempts: Bundle[Attempt] = Bundle("attempts")

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        lab.raw.flushall()
        self.lab = lab
        self.model = Model()
        self.lost: list[Act[Claimed]] = []
        self.tickets = [Ticket("one"), Ticket("two")]

    # ---- producers

    @rule(
        count=st.integers(1, 3),
        due=st.sampled_from([0, 0, 2 * HALF]),
        validity=st.sampled_from([3 * HALF, 400 * HALF]),
        pin=st.sampled_from(["", "", "a", "b"]),
    )
    def accept(self, count: int, due: int, validity: int, pin: str) -> None:
        if len(self.model.messages) >= 8:
            return
        at = due and self.lab.now() + due
        for _ in range(count):
            message_id = f"m{len(self.model.messages)}"
            batch = [entry(message_id, to=NUMBER, due=at, validity=validity, pin=pin)]
            assert self.lab.accept(*batch) == self.lab.accept(*batch)
            status = Status.SCHEDULED if due else Status.ACCEPTED
            due_at = self.model.now + due
            self.model.messages[message_id] = Message(status, due_at + validity, due_at)

    @precondition(lambda self: self.model.messages)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        message_id = data.draw(st.sampled_from(sorted(self.model.messages)))
        message = self.model.messages[message_id]
        could = message.status in WAITING and self.model.move(message, Status.CANCELLED)

        assert self.lab.cancel(message_id) == (could, message.status)

    # ---- the pump

    def _expect_release(self) -> None:
        for message in self.model.messages.values():
            if message.status == Status.SCHEDULED and message.due <= self.model.now:
                message.status = Status.ACCEPTED

    def _expect_take_back(self, pump: str) -> None:
        for message_id, attempt in self.model.stranded.pop(pump, []):
            message = self.model.messages[message_id]
            if message.attempt == attempt and message.status in ("submitting", "unknown"):
                message.status = Status.ACCEPTED

    def _follow(self, message_id: str, record: Record) -> bool:
        """Check what a claim made of a message; return whether it is to be submitted."""
        message = self.model.messages[message_id]
        assert message.status == Status.ACCEPTED
        assert record.status in FOLLOWS[message.status]
        if record.status == Status.SUBMITTING:
            assert message.expires > self.model.now
            message.attempt += 1
            message.deadline, message.named = self.model.now + MINUTE, False
            assert record.attempt == message.attempt
        elif record.status == Status.SCHEDULED:
            message.due = self.model.now + record.due - record.updated
            assert message.expires > message.due
        else:
            assert record.status == Status.EXPIRED
        message.status = record.status
        return bool(record.status == Status.SUBMITTING)

    def _let_the_busy_pass(self, records: Iterable[Record]) -> None:
        """A wait of milliseconds would make what follows depend on how fast the machine is."""
        if any(0 < record.due - record.updated < HALF for record in records):
            self.pass_time(1)

    @rule(target=attempts, data=st.data(), evade=st.booleans(), pump=PUMPS)
    def claim(self, data: st.DataObject, evade: bool, pump: int) -> Any:
        ticket = self.tickets[pump]
        self._expect_take_back(ticket.pump)
        self._expect_release()

        found = self.lab.claim(*ROUTE, evade=evade, ticket=ticket).messages

        opened = []
        for message_id, record in found:
            if self._follow(message_id, record):
                taken, answer = data.draw(FATES)
                self.model.messages[message_id].sms += taken
                opened.append(Attempt(message_id, record.attempt, taken, answer))
        self._let_the_busy_pass(record for _, record in found)
        return multiple(*opened)

    @rule(pump=PUMPS)
    def claim_and_lose_the_answer(self, pump: int) -> None:
        ticket = self.tickets[pump]
        self._expect_take_back(ticket.pump)
        self._expect_release()
        act, answered = claim(*ROUTE, ticket=ticket), ticket.answered

        answer = self.lab.raw.eval(act.script.source, 0, *act.args)

        found = act.read(answer).messages  # only the model reads it
        ticket.answered = answered
        for message_id, record in found:
            if self._follow(message_id, record):
                self.model.stranded[ticket.pump].append((message_id, record.attempt))
        self.lost.append(act)
        self._let_the_busy_pass(record for _, record in found)

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def carry_out_a_lost_claim_once_more(self, data: st.DataObject) -> None:
        act = data.draw(st.sampled_from(self.lost))

        answer = self.lab.raw.eval(act.script.source, 0, *act.args)

        assert answer[2:] == []

    # ---- the vendor's answers, each as late and as often as it likes

    def _settle(self, attempt: Attempt, status: Status, vendor_id: str = "") -> None:
        message = self.model.messages[attempt.id]
        expected = False
        if message.attempt == attempt.number and message.status not in WAITING:
            expected = self.model.move(message, status)
            if vendor_id and (expected or not message.named):
                expected = message.named = True
        item = settled(
            attempt.id,
            attempt.number,
            status,
            vendor_message_id=vendor_id,
            windows=pack_windows(WINDOWS),
        )

        assert self.lab.settle(item) == [expected]

    def _defer(self, attempt: Attempt, wait: int) -> None:
        message = self.model.messages[attempt.id]
        open_ = message.status in (Status.SUBMITTING, Status.UNKNOWN)
        expected = ""
        if message.attempt == attempt.number and open_:
            message.due = self.model.now + wait
            status = Status.SCHEDULED if wait else Status.ACCEPTED
            message.status = Status.EXPIRED if message.due >= message.expires else status
            expected = message.status.value
        item = deferred(
            attempt.id, attempt.number, wait=str(wait), avoid=True, windows=pack_windows(WINDOWS)
        )

        assert self.lab.defer(item) == [expected]

    @rule(attempt=attempts, wait=st.sampled_from([0, HALF, 4 * HALF]))
    def answer(self, attempt: Attempt, wait: int) -> None:
        if attempt.answer == "submitted":
            self._settle(attempt, Status.SUBMITTED, f"v{attempt.id}-{attempt.number}")
        elif attempt.answer == "rejected":
            self._settle(attempt, Status.REJECTED)
        elif attempt.answer == "deferred":
            self._defer(attempt, wait)

    @rule(attempt=attempts)
    def lose_the_answer(self, attempt: Attempt) -> None:
        if not attempt.answer:
            self._settle(attempt, Status.UNKNOWN)

    @rule(attempt=attempts, status=st.sampled_from([Status.DELIVERED, Status.UNDELIVERED]))
    def report(self, attempt: Attempt, status: Status) -> None:
        if attempt.taken:
            self._settle(attempt, status)

    @rule(attempt=attempts)
    def prove_that_it_was_not_taken(self, attempt: Attempt) -> None:
        if not attempt.taken and not attempt.answer:
            self._defer(attempt, 0)

    # ---- the ticks

    @rule()
    def release(self) -> None:
        self._expect_release()
        self.lab.release()

    @rule()
    def sweep(self) -> None:
        lost = []
        for message_id, message in self.model.messages.items():
            if message.status == Status.SUBMITTING and message.deadline <= self.model.now:
                message.status = Status.UNKNOWN
                lost.append(message_id)

        assert sorted(each for each, _ in self.lab.sweep().lost) == sorted(lost)

    @rule(halves=st.sampled_from([1, 1, 2, 2, 5]))
    def pass_time(self, halves: int) -> None:
        self.model.now += halves * HALF
        self.lab.pass_time(halves * HALF)

    # ---- what always holds

    @invariant()
    def every_message_is_where_the_model_has_it(self) -> None:
        found = self.lab.run(acts.find(list(self.model.messages)))
        for (message_id, message), record in zip(self.model.messages.items(), found, strict=True):
            assert record is not None
            assert (message_id, record.status) == (message_id, message.status)
            assert record.attempt == message.attempt
            steps = [Status(str(step[1])) for step in trail(record)]
            assert len(steps) <= 24
            for before, after in pairwise(steps[1:]):  # the second may be gone
                assert after in FOLLOWS[before]
            assert not FINAL & set(steps[:-1])

    @invariant()
    def nothing_is_lost(self) -> None:
        self.lab.check()

    @invariant()
    def nobody_gets_it_twice(self) -> None:
        assert all(message.sms <= 1 for message in self.model.messages.values())

    @invariant()
    def no_account_is_used_beyond_its_limits(self) -> None:
        assert self.lab.raw.zcard(keys.OPEN + "a") <= 2
        assert self.lab.raw.zcard(keys.OPEN + "b") <= 1
        assert len(self.lab.memory("a")) <= WINDOWS[0] + 1


def test_any_order_of_acts_leaves_one_truth(lab: Lab) -> None:
    run_state_machine_as_test(
        cast("type[Life]", lambda: Life(lab)),
        settings=budget(budget.get_profile("store"), max_examples=60, stateful_step_count=40),
    )
