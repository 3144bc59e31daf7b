"""The limiters against a plain model: whatever the windows and the gaps, the same answer."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from worker.contract.status import Status

from .conftest import (
    DAY,
    HOUR,
    MINUTE,
    NUMBER,
    Lab,
    account,
    deferred,
    midnight,
    pack_windows,
    settled,
)

Windows = list[tuple[int, int]]


@dataclass
class Model:
    """Every message that one number ever got, and when the next one fits."""

    windows: Windows
    blocked: int = 0
    taken: list[int] = field(default_factory=list)

    def fits_at(self) -> int:
        at = self.blocked
        for count, span in self.windows:
            if len(self.taken) >= count:
                oldest = sorted(self.taken)[-count]
                at = max(at, oldest + span if span else midnight(oldest))
        return at

    def pass_time(self, ms: int) -> None:
        self.blocked = max(0, self.blocked - ms)
        self.taken = [each - ms for each in self.taken]


spans = st.one_of(st.just(0), st.integers(1, 20).map(lambda ten: ten * 10_000), st.just(HOUR))
windows = st.lists(st.tuples(st.integers(1, 5), spans), max_size=3)
gaps = st.one_of(
    st.integers(0, 30).map(lambda five: five * 5_000), st.sampled_from([HOUR, DAY // 2, DAY])
)
steps = st.lists(
    st.tuples(st.sampled_from(["send", "send", "send", "keep", "fail", "block"]), gaps),
    min_size=1,
    max_size=20,
)


@budget(budget.get_profile("store"), max_examples=70)
@given(rules=windows, steps=steps)
def test_the_memory_of_a_number_agrees_with_a_full_account_of_it(
    lab: Lab, rules: Windows, steps: list[tuple[str, int]]
) -> None:
    lab.raw.flushall()
    model, packed = Model(rules), pack_windows(*rules)
    where = account(windows=rules, learns=True)
    most = max((count for count, _ in rules), default=0)

    for what, gap in steps:
        lab.pass_time(gap, ends=all(span for _, span in rules))
        model.pass_time(gap)
        message_id = lab.put_one(to=NUMBER, validity=30 * DAY)
        ((_, found),) = lab.claim(where).messages
        now, fits_at = found.updated, model.fits_at()

        assert (found.status == Status.SUBMITTING) == (fits_at <= now)
        if found.status == Status.SCHEDULED:
            assert found.due == fits_at
            lab.cancel(message_id)
            continue
        if rules:
            model.taken.append(now)
        if what == "send":
            lab.settle(settled(message_id, windows=packed))
            if rules:
                model.taken[-1] = lab.record(message_id).updated
        elif what != "keep":
            model.taken[-1:] = []
            blocked = str(90_000) if what == "block" else ""
            lab.defer(deferred(message_id, blocked=blocked, windows=packed))
            if blocked:
                model.blocked = max(model.blocked, lab.record(message_id).updated + 90_000)
            lab.cancel(message_id)
        assert len(lab.memory()) <= most + 1


@budget(budget.get_profile("store"), max_examples=40)
@given(
    interval=st.sampled_from([1000.0, 3000.0, 1e4 / 3, 60_000.0]),
    burst=st.sampled_from([0.0, 50.0, 2000.0, 10_000.0]),
    gaps=st.lists(st.integers(0, 40).map(lambda half: half * 500), min_size=2, max_size=20),
)
def test_a_rate_is_never_exceeded_and_its_pause_is_exact(
    lab: Lab, interval: float, burst: float, gaps: list[int]
) -> None:
    lab.raw.flushall()
    where, sent = account(interval=interval, burst=burst), list[int]()
    lab.put(100)

    for gap in gaps:
        lab.pass_time(gap)
        sent = [each - gap for each in sent]
        found = lab.claim(where, most=3)
        sent += [record.updated for _, record in found.messages]
        if found.pause:
            gap_ = round(found.pause * 1000)
            lab.pass_time(gap_)
            sent = [each - gap_ for each in sent]
            after = lab.claim(where, most=1).messages
            assert len(after) == 1
            sent.append(after[0][1].updated)

    for first, start in enumerate(sent):
        for count, end in enumerate(sent[first:]):
            assert end - start >= count * interval - burst - 2  # two roundings


def test_the_model_knows_its_days() -> None:
    assert midnight(-8 * HOUR) == 16 * HOUR
    assert midnight(16 * HOUR - 1) == 16 * HOUR
    assert midnight(16 * HOUR) == 40 * HOUR
    assert Model([(1, MINUTE)], taken=[5]).fits_at() == 5 + MINUTE
