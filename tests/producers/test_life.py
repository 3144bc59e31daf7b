"""The life of a message as a pure story: what each step and each end sounds like."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers import steps
from producers.life import Life
from worker.contract import settings as reading
from worker.contract.record import Record
from worker.contract.settings import Settings
from worker.contract.status import FINAL, Status, Stream
from worker.store.care import Circumstances

NOW = 1_763_604_000_000  # 2025-11-20 10:00:00 in Shanghai
MINUTE, DAY = 60_000, 86_400_000
PLAIN = reading.parse({})


def stored(status: str = "accepted", **fields: Any) -> Record:
    plain: dict[str, Any] = {
        "status": Status(status),
        "stream": Stream.NOTICE,
        "to": "+8613800138000",
        "content": '{"text":"what nobody else says"}',  # longer than a word of WORDS
        "length": 2,
        "segments": 1,
        "template": "",
        "pin": "",
        "tag": "",
        "created": NOW - MINUTE,
        "due": 0,
        "expires": NOW + MINUTE,
        "updated": NOW,
        "account": "main",
    }
    return Record(**(plain | fields))


def life(record: Record, settings: Settings = PLAIN, **known: Any) -> Life:
    reported = known.pop("reported", True)
    return Life.of("an-id", Circumstances(NOW, record, **known), settings, reported=reported)


def last(before: str, event: str, said: str, *until: int) -> str:
    trail = [[NOW - 2, before, "main", ""], [NOW - 1, event, "main", said, *until]]
    return steps.told(stored(trail=trail))[-1].text


@pytest.mark.parametrize(
    ("before", "event", "said", "text"),
    [
        ("scheduled", "accepted", "", "ready again"),
        (
            "submitting",
            "accepted",
            "the claim was not answered",
            "taken back: the claim was not answered, so nothing had left",
        ),
        ("submitting", "rejected", "its template is gone", "rejected at main: its template is gone"),
        ("unknown", "rejected", "X\nbarred", "rejected, says the report of main: it said X (barred)"),
        ("accepted", "rejected", "no account can carry it", "rejected: no account can carry it"),
        ("accepted", "expired", "validity is over", "expired: its validity is over"),
        (
            "accepted",
            "expired",
            "quiet hours",
            "expired: it would have to wait longer than it is valid, for quiet hours",
        ),
        (
            "submitting",
            "expired",
            "5\nbusy",
            "main did not take it: it said 5 (busy); too late to try again: expired",
        ),
        ("unknown", "expired", "resent", "too late to be submitted again (resent): expired"),
        (
            "accepted",
            "unknown",
            "validity is over",
            "too late to be submitted again, and may have been taken before: validity is over",
        ),
        ("unknown", "submitted", "found at the vendor by our id", "main took it: found at the vendor by our id"),
        ("accepted", "suppressed", "the recipient opted out of 【信使】", "suppressed: the recipient opted out of 【信使】"),
        ("submitting", "submitted", "0\n", "main took it: it said 0"),
        (
            "submitted",
            "submitted",
            "MO:0254\nnobody knows",
            "the report of main does not say how it ended: it said MO:0254 (nobody knows)",
        ),
    ],
)  # fmt: skip
def test_a_step_in_plain_words(before: str, event: str, said: str, text: str) -> None:
    assert last(before, event, said) == text


def test_a_wait_names_the_day_where_it_is_another_one() -> None:
    today = last("accepted", "scheduled", "quiet hours", NOW + 3_600_000)
    tomorrow = last("accepted", "scheduled", "quiet hours", NOW + DAY)

    assert today == "put aside until 11:00:00: quiet hours"
    assert tomorrow == "put aside until 2025-11-21 10:00:00: quiet hours"


@pytest.mark.parametrize(
    ("resend", "text"),
    [
        ("never", "it stays unknown and is not sent again"),
        ("same_account", "main gets it once more"),
        ("any", "any account gets it once more"),
    ],
)
def test_the_unknown_says_what_its_stream_does_then(resend: str, text: str) -> None:
    table = tomllib.loads(f'[streams.notice]\nresend_unknown = "{resend}"')

    found = life(stored("unknown"), reading.parse(table), look=NOW + MINUTE).next
    resent = [[NOW, "unknown", "main", ""], [NOW, "accepted", "main", "resent"]]
    again = life(stored("unknown", trail=resent), reading.parse(table), look=NOW + MINUTE).next

    rule = "is looked at again at 10:01:00; if nothing is known 600 s after the answer was lost, "
    assert (found.event, found.text) == ("look", rule + text)
    assert again.text == f"{rule}it stays unknown and is not sent again"


def test_a_report_is_expected_for_a_while() -> None:
    fresh = life(stored("submitted")).next
    old = life(stored("submitted", updated=NOW - 4 * DAY)).next
    none = life(stored("submitted"), reported=False).next

    assert (fresh.event, fresh.text) == ("report", "a report is expected until 2025-11-23 10:00:00")
    assert (old.event, old.text) == ("nothing", "nothing: no report came until 2025-11-19 10:00:00")
    assert (none.event, none.text) == ("nothing", "nothing: main sends no reports")


def test_what_is_over_is_never_promised() -> None:
    late = life(stored("scheduled", due=NOW - 1, expires=NOW, reason="quiet hours")).next

    assert late.text == (
        "was due at 09:59:59: beat and a worker make it ready again; "
        "its validity is over: it expires instead"
    )


def test_a_pinned_message_waits_for_its_account_alone() -> None:
    found = life(stored(pin="main"), down={"main": (NOW + MINUTE, "suspended")}).next

    assert found.event == "wait"
    assert "main is left alone until 10:01:00 (suspended)" in found.text


WORDS = st.text(max_size=8)
TRAILS = st.lists(
    st.tuples(
        st.integers(0, 2**43),
        st.sampled_from([*Status, "replayed", "another"]),
        st.sampled_from(["", "main"]),
        WORDS | st.builds("{}\n{}".format, WORDS, WORDS),
        st.integers(0, 2**43),
    ).map(list),
    max_size=24,
)


@given(
    status=st.sampled_from(Status),
    trail=TRAILS,
    attempt=st.integers(0, 30),
    look=st.integers(0, 2**43),
    reported=st.booleans(),
)
def test_every_life_can_be_told(
    *, status: Status, trail: Any, attempt: int, look: int, reported: bool
) -> None:
    record = stored(status, trail=trail, attempt=attempt, due=NOW, deadline=NOW)

    found = life(record, look=look, reported=reported)

    said = [*(step.text for step in found.steps), found.next.text]
    assert all(text.isprintable() and text for text in said)
    assert "what nobody else says" not in str(found.to_dict())
    assert (found.next.event == "nothing") >= (status in FINAL)
