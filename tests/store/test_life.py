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
from worker.store import acts, care
from worker.store.acts import Act, Claimed

from .conftest import (
    MINUTE,
    NUMBER,
    PROVEN,
    RESENT,
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
PUMPS, ACCOUNTS = st.sampled_from([0, 1]), st.sampled_from("ab")
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
    again: int = 0  #: the attempt after which it waits to be submitted again
    resent: bool = False  #: that happened without proof
    doubt: bool = False  #: and nothing proved since that it was not taken

    @property
    def waits_again(self) -> bool:
        return self.status in WAITING and self.again == self.attempt > 0


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
        before = Status.UNKNOWN if message.waits_again else message.status
        if status not in FOLLOWS[before]:
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
        self.replayed: set[str] = set()

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
        could = message.status in WAITING
        if could:  # what may have been taken before is taken back too, but not called cancelled
            message.status = Status.UNKNOWN if message.doubt else Status.CANCELLED
            if message.doubt:
                message.expires = min(message.expires, self.model.now)

        assert self.lab.cancel(message_id) == (could and not message.doubt, message.status)

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
        if record.status == Status.SUBMITTING:
            assert message.expires > self.model.now
            message.attempt += 1
            message.deadline, message.named = self.model.now + MINUTE, False
            assert record.attempt == message.attempt
        elif record.status == Status.SCHEDULED:
            message.due = self.model.now + record.due - record.updated
            assert message.expires > message.due
        else:
            assert record.status == (Status.UNKNOWN if message.doubt else Status.EXPIRED)
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

        assert answer[4:] == []  # not read: its pump knows nothing of it

    # ---- the vendor's answers, each as late and as often as it likes

    def _settle(self, attempt: Attempt, status: Status, vendor_id: str = "") -> None:
        message = self.model.messages[attempt.id]
        expected = False
        waits = message.status in WAITING and not message.waits_again
        if message.attempt == attempt.number and not waits:
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
            message.status = status if message.due < message.expires else self._end_of(message)
            expected = message.status.value
        item = deferred(
            attempt.id, attempt.number, wait=str(wait), avoid=True, windows=pack_windows(WINDOWS)
        )

        assert self.lab.defer(item) == [expected]

    def _end_of(self, message: Message) -> Status:
        return Status.UNKNOWN if message.doubt else Status.EXPIRED

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

    # ---- what is unknown, and the accounts

    @rule(attempt=attempts, how=st.sampled_from(["proven", "same", "any"]))
    def submit_again(self, attempt: Attempt, how: Any) -> None:
        """Once without proof, as worker.rounds.resolve does; with proof only what was not taken."""
        message = self.model.messages[attempt.id]
        if message.sms if how == "proven" else message.resent:
            return
        expected = ""
        if message.status == Status.UNKNOWN and message.attempt == attempt.number:
            over = message.expires <= self.model.now
            if how == "proven":
                message.status = Status.EXPIRED if over else Status.ACCEPTED
                message.doubt, expected = False, message.status.value
            elif not over:
                message.resent = message.doubt = True
                message.status, expected = Status.ACCEPTED, "accepted"
            message.again = attempt.number if expected == "accepted" else message.again

        found = self.lab.resend(attempt.id, how, attempt.number, windows=pack_windows(WINDOWS))

        assert found == expected

    @rule(seconds=st.sampled_from([20, 200, None]), lease=st.sampled_from([20, 100]))
    def look(self, seconds: float | None, lease: float) -> None:
        for message_id, record in self.lab.run(care.unknowns(2, lease)).messages:
            assert self.model.messages[message_id].status == Status.UNKNOWN
            assert self.lab.run(care.look(message_id, record.attempt, seconds, "looked"))

    @rule(name=ACCOUNTS, only_probe=st.booleans())
    def trip(self, name: str, only_probe: bool) -> None:
        self.lab.trip(name, 45, only_probe=only_probe)

    @rule(name=ACCOUNTS)
    def mend(self, name: str) -> None:
        self.lab.run(care.mend(name, believed=3))

    @rule(name=ACCOUNTS)
    def slow(self, name: str) -> None:
        self.lab.run(care.slow(name, self.lab.now()))

    @precondition(lambda self: len(self.model.messages) < 12)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        letters = [each for each, _ in self.lab.run(care.dead(0)).messages]
        if not letters:
            return
        message_id, new_id = data.draw(st.sampled_from(letters)), f"m{len(self.model.messages)}"
        act = care.replay(message_id, new_id, validity=200 * HALF / 1000, retention=86400)

        assert (self.lab.run(act), self.lab.run(act)) == (True, True)

        self.replayed.add(message_id)
        expires = self.model.now + 200 * HALF
        self.model.messages[new_id] = Message(Status.ACCEPTED, expires)

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
            kept = [step for step in trail(record) if step[1] != "replayed"]
            assert len(kept) <= 24
            steps = [Status(str(step[1])) for step in kept]
            if not any(step[3] in (RESENT, PROVEN) for step in kept):
                for before, after in pairwise(steps[1:]):  # the second may be gone
                    assert after in FOLLOWS[before] or before == after == Status.UNKNOWN
            assert not FINAL & set(steps[:-1])

    @invariant()
    def nothing_is_lost(self) -> None:
        self.lab.check()

    @invariant()
    def nobody_gets_it_twice(self) -> None:
        for message in self.model.messages.values():
            assert message.sms <= 1 + message.resent

    @invariant()
    def whatever_is_unknown_is_looked_at_and_nothing_else(self) -> None:
        listed = {each.decode() for each in self.lab.raw.zrange(keys.UNKNOWN, 0, -1)}
        assert listed == self._those(Status.UNKNOWN)

    @invariant()
    def dead_letters_are_what_ended_untaken(self) -> None:
        listed = {each.decode() for each in self.lab.raw.zrange(keys.DEAD, 0, -1)}
        assert listed == self._those(Status.REJECTED, Status.EXPIRED) - self.replayed

    def _those(self, *statuses: Status) -> set[str]:
        found = self.model.messages.items()
        return {message_id for message_id, message in found if message.status in statuses}

    @invariant()
    def an_account_on_probation_has_one_attempt_at_a_time(self) -> None:
        for name in "ab":
            state = self.lab.state(name)
            if "half" in state:
                begun = [self.lab.record(each).updated for each in self.lab.open(name)]
                assert sum(each >= int(float(state["down"])) for each in begun) <= 1

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
