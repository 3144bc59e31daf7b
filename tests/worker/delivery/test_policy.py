"""The table in worker.delivery.policy, row by row."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contract.record import Record
from worker.contract.status import Status, Stream
from worker.delivery import policy
from worker.delivery.policy import Again, Final, Verdict
from worker.vendors.base import Outcome, Submission

BACK = (Outcome.CAPPED, Outcome.THROTTLED, Outcome.SUSPENDED)  #: those that cost no attempt


def record(attempts: int = 1, trail: list[list[int | str]] | None = None, **more: Any) -> Record:
    """A record as the claim hands it over: the open attempt is the trail's last step."""
    steps: list[list[int | str]] = [*(trail or []), [9, "submitting", "here", ""]]
    return Record(
        **{
            "status": Status.SUBMITTING,
            "stream": Stream.NOTICE,
            "to": "+8613800138000",
            "content": "",
            "length": 1,
            "segments": 1,
            "template": "",
            "pin": "",
            "tag": "",
            "created": 0,
            "due": 0,
            "expires": 1,
            "updated": 0,
            "attempt": attempts,
            "attempts": attempts,
            "account": "here",
            "trail": steps,
            **more,
        }
    )


def decide(
    outcome: Outcome,
    found: Record | None = None,
    *,
    attempts: int = 3,
    windows: tuple[str, ...] = (),
    alternatives: bool = False,
    chance: float = 0.5,
    **submission: Any,
) -> Verdict:
    return policy.decide(
        Submission(outcome, **submission),
        found or record(),
        attempts=attempts,
        windows=windows,
        alternatives=alternatives,
        random=lambda: chance,
    )


def came_back(code: str, *, account: str = "here", status: str = "scheduled") -> list[Any]:
    return [[1, "submitting", account, ""], [2, status, account, f"{code}\ntoo many"]]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.SUBMITTED, Status.SUBMITTED),
        (Outcome.REJECTED, Status.REJECTED),
        (Outcome.BARRED, Status.REJECTED),
        (Outcome.UNKNOWN, Status.UNKNOWN),
    ],
)
@pytest.mark.parametrize("alternatives", [True, False])
def test_what_is_taken_refused_for_good_or_maybe_taken_settles_the_message(
    outcome: Outcome, status: Status, alternatives: bool
) -> None:
    assert decide(outcome, alternatives=alternatives) == Final(status)


@pytest.mark.parametrize(
    ("hits", "blocked"),
    [(0, "60000"), (1, "day"), (2, "day")],
    ids=["first", "second", "third"],
)
def test_a_capped_number_is_blocked_for_the_window_that_the_hit_names(
    hits: int, blocked: str
) -> None:
    found = record(trail=came_back("102") * hits)

    verdict = decide(Outcome.CAPPED, found, code="102", windows=("60s", "day"))

    assert verdict == Again(counts=False, blocked=blocked)


def test_hits_with_another_code_or_at_another_account_do_not_count() -> None:
    found = record(trail=[*came_back("103"), *came_back("102", account="there")])

    verdict = decide(Outcome.CAPPED, found, code="102", windows=("60s", "day"))

    assert verdict == Again(counts=False, blocked="60000")


def test_a_capped_number_whose_window_nobody_tells_just_waits() -> None:
    assert decide(Outcome.CAPPED) == Again(wait=60.0, counts=False)


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 1.0), (1.0, 2.0)])
def test_a_throttled_message_waits_a_little_and_keeps_its_attempts(
    chance: float, wait: float
) -> None:
    assert decide(Outcome.THROTTLED, chance=chance) == Again(wait=wait, counts=False)


def test_a_message_of_a_call_that_was_too_large_goes_again_at_once() -> None:
    assert decide(Outcome.THROTTLED, split=True) == Again(wait=0.0, counts=False)


@pytest.mark.parametrize(
    ("alternatives", "chance", "wait"),
    [(True, 0.5, 0.0), (False, 0.0, 1.0), (False, 1.0, 2.0)],
)
def test_a_suspended_account_is_left_at_once_or_tried_again_after_a_while(
    alternatives: bool, chance: float, wait: float
) -> None:
    verdict = decide(Outcome.SUSPENDED, alternatives=alternatives, chance=chance)

    assert verdict == Again(wait=wait, counts=False, avoid=True)


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.REFUSED])
@pytest.mark.parametrize(
    ("tried", "chance", "wait"),
    [
        (1, 0.0, 0.0),
        (1, 1.0, 2.0),
        (2, 1.0, 4.0),
        (5, 1.0, 32.0),
        (6, 1.0, 60.0),
        (5000, 1.0, 60.0),
    ],
)
def test_trouble_backs_off_with_full_jitter_up_to_a_minute(
    outcome: Outcome, tried: int, chance: float, wait: float
) -> None:
    verdict = decide(outcome, record(tried), attempts=10_000, chance=chance)

    assert verdict == Again(wait=wait, counts=True)


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.REFUSED])
@pytest.mark.parametrize("status", ["accepted", "scheduled"])
def test_trouble_for_the_second_time_here_prefers_another_account(
    outcome: Outcome, status: str
) -> None:
    first = decide(outcome, record(1))
    elsewhere = decide(outcome, record(2, came_back("5", account="there", status=status)))
    second = decide(outcome, record(2, came_back("5", status=status)))

    assert isinstance(first, Again)
    assert isinstance(elsewhere, Again)
    assert isinstance(second, Again)
    assert (first.avoid, elsewhere.avoid, second.avoid) == (False, False, True)


def test_a_wait_for_our_own_limits_is_no_trouble_of_the_account() -> None:
    waited: list[Any] = [[1, "scheduled", "here", "the number has had enough there for now"]]

    verdict = decide(Outcome.UNAVAILABLE, record(1, [*waited, [2, "accepted", "here", ""]]))

    assert isinstance(verdict, Again)
    assert not verdict.avoid


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.REFUSED])
@pytest.mark.parametrize(("attempts", "tried"), [(1, 1), (3, 3), (3, 4)])
def test_the_last_attempt_that_fails_rejects_the_message(
    outcome: Outcome, attempts: int, tried: int
) -> None:
    assert decide(outcome, record(tried), attempts=attempts) == Final(Status.REJECTED)


chances = st.floats(0, 1)
trails = st.lists(
    st.tuples(
        st.just(1),
        st.sampled_from(["submitting", "accepted", "scheduled"]),
        st.sampled_from(["here", "there", ""]),
        st.sampled_from(["", "102\ntoo many", "5\nother", "our own words"]),
    ).map(list),
    max_size=24,
)


@given(
    outcome=st.sampled_from(Outcome),
    tried=st.integers(1, 10_000),
    attempts=st.integers(1, 10_000),
    windows=st.sampled_from([(), ("day",), ("60s", "day"), ("1800s",)]),
    alternatives=st.booleans(),
    chance=chances,
    code=st.sampled_from(["", "102", "5"]),
    split=st.booleans(),
    trail=trails,
)
def test_whatever_the_story_the_table_holds(
    *,
    outcome: Outcome,
    tried: int,
    attempts: int,
    windows: tuple[str, ...],
    alternatives: bool,
    chance: float,
    code: str,
    split: bool,
    trail: list[list[int | str]],
) -> None:
    verdict = decide(
        outcome,
        record(tried, trail),
        attempts=attempts,
        windows=windows,
        alternatives=alternatives,
        chance=chance,
        code=code,
        split=split,
    )

    if outcome in (Outcome.SUBMITTED, Outcome.UNKNOWN):
        assert verdict == Final(Status(outcome))  # never again, never elsewhere
    elif outcome in (Outcome.REJECTED, Outcome.BARRED):
        assert verdict == Final(Status.REJECTED)
    elif isinstance(verdict, Final):
        assert outcome not in BACK
        assert tried >= attempts
        assert verdict.status is Status.REJECTED
    else:
        assert 0 <= verdict.wait <= 60
        assert verdict.counts is (outcome not in BACK)
        assert (verdict.blocked != "") is (outcome is Outcome.CAPPED and windows != ())


# --- after a resend without proof -----------------------------------------------------------------


def resent(reason: str = policy.RESENT, *, account: str = "here") -> list[Any]:
    return [
        [1, "submitting", account, ""],
        [2, "unknown", account, "no answer in time"],
        [3, "accepted", account, reason],
    ]


def test_a_cap_on_a_resend_is_evidence_that_the_first_was_taken() -> None:
    verdict = decide(Outcome.CAPPED, record(2, resent()), code="102", windows=("60s", "day"))

    assert isinstance(verdict, Final)
    assert (verdict.status, verdict.reason.split(":")[0]) == (Status.SUBMITTED, "presumed")


@pytest.mark.parametrize(
    "trail",
    [
        resent(account="there"),
        resent(policy.PROVEN),
        [*resent(), [4, "submitting", "here", ""], *resent(policy.PROVEN)[1:]],
        resent("the claim was not answered"),  # nothing had left
        resent("5\nthe vendor's late no"),
    ],
    ids=["elsewhere", "not taken", "neither was taken", "never left", "refused late"],
)
def test_a_cap_without_a_doubtful_first_one_here_is_a_cap(trail: list[Any]) -> None:
    verdict = decide(Outcome.CAPPED, record(2, trail), code="102", windows=("60s", "day"))

    assert verdict == Again(counts=False, blocked="60000")


@pytest.mark.parametrize(
    ("outcome", "account", "status"),
    [
        (Outcome.UNAVAILABLE, "here", Status.UNKNOWN),
        (Outcome.REFUSED, "here", Status.UNKNOWN),
        (Outcome.UNAVAILABLE, "there", Status.UNKNOWN),
        (Outcome.REJECTED, "there", Status.UNKNOWN),
        (Outcome.BARRED, "there", Status.UNKNOWN),
        (Outcome.REJECTED, "here", Status.REJECTED),
        (Outcome.BARRED, "here", Status.REJECTED),
    ],
)
def test_a_resend_that_fails_for_good_says_nothing_of_the_first(
    outcome: Outcome, account: str, status: Status
) -> None:
    verdict = decide(outcome, record(3, resent(account=account)), attempts=3)

    assert isinstance(verdict, Final)
    assert verdict.status is status


# --- what is rejected -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failover", "alternatives", "tried", "moves"),
    [
        (True, True, 1, True),
        (False, True, 1, False),
        (True, False, 1, False),
        (True, True, 3, False),
    ],
)
def test_what_is_rejected_may_go_elsewhere_where_its_stream_says_so(
    *, failover: bool, alternatives: bool, tried: int, moves: bool
) -> None:
    verdict = policy.decide(
        Submission(Outcome.REJECTED),
        record(tried),
        attempts=3,
        windows=(),
        alternatives=alternatives,
        failover_rejected=failover,
        random=lambda: 0.5,
    )

    assert verdict == (Again(never=True) if moves else Final(Status.REJECTED))


def test_what_is_barred_goes_nowhere_else() -> None:
    verdict = policy.decide(
        Submission(Outcome.BARRED),
        record(1),
        attempts=3,
        windows=(),
        alternatives=True,
        failover_rejected=True,
        random=lambda: 0.5,
    )

    assert verdict == Final(Status.REJECTED)
