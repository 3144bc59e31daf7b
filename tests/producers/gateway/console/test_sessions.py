"""Sessions and tries: signed, bounded in time, and no guess is worth making."""

import pytest

from producers.gateway.console.sessions import IDLE, LONGEST, Session, Sessions
from producers.gateway.console.tries import MOST, WINDOW, Tries
from worker.contract.gateway import Role
from worker.contract.settings import ApiKey


def key(name: str = "night", secret: str = "k" * 20, role: Role = Role.OPERATOR) -> ApiKey:
    return ApiKey(name=name, key=secret, role=role)


@pytest.fixture
def now() -> list[float]:
    return [1_000_000.0]


@pytest.fixture
def sessions(now: list[float]) -> Sessions:
    return Sessions({"night": key()}, clock=lambda: now[0])


def test_a_token_is_read_by_every_gateway_that_has_the_key(
    sessions: Sessions, now: list[float]
) -> None:
    token = sessions.token(sessions.begin("night"))

    found = Sessions({"night": key()}, clock=lambda: now[0]).read(token)

    assert found is not None
    assert found.operator == "night"
    assert "k" * 20 not in token


def test_a_changed_or_missing_key_ends_its_sessions(sessions: Sessions, now: list[float]) -> None:
    token = sessions.token(sessions.begin("night"))

    for keys in ({"night": key(secret="other" * 5)}, {}, {"night": key(role=Role.APP)}):
        assert Sessions(keys, clock=lambda: now[0]).read(token) is None


def test_a_session_ends_when_nobody_is_there(sessions: Sessions, now: list[float]) -> None:
    token = sessions.token(sessions.begin("night"))
    now[0] += IDLE - 1
    assert sessions.read(token)
    now[0] += 1
    assert sessions.read(token) is None


def test_a_session_goes_on_while_somebody_is_there_but_not_for_ever(
    sessions: Sessions, now: list[float]
) -> None:
    session = sessions.begin("night")
    for _ in range(LONGEST // 60 - 1):
        now[0] += 60
        session = sessions.stay(session)
        assert sessions.read(sessions.token(session)) == session
    now[0] += 60

    assert sessions.read(sessions.token(sessions.stay(session))) is None


def test_a_session_that_was_signed_out_is_over_whatever_token_is_shown(
    sessions: Sessions, now: list[float]
) -> None:
    session = sessions.begin("night")
    now[0] += 60
    later = sessions.stay(session)

    sessions.end(session)

    assert sessions.read(sessions.token(session)) is None
    assert sessions.read(sessions.token(later)) is None
    assert sessions.read(sessions.token(sessions.begin("night")))


def test_what_was_signed_out_is_forgotten_in_time(sessions: Sessions, now: list[float]) -> None:
    for _ in range(10):
        sessions.end(sessions.begin("night"))
        now[0] += LONGEST

    assert len(sessions._ended) <= 2


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: "~" * 4,
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token.replace("night", "other", 1),
        lambda token: token.replace("~1000000~", "~1000001~", 1),
        lambda token: "~".join([*token.split("~")[:2], "x", *token.split("~")[3:]]),
        lambda token: token[: token.rindex("~") + 1] + "é" * 64,
        lambda token: token * 10,
        lambda token: "\udc80",
    ],
)
def test_a_token_that_is_not_ours_is_worth_nothing(sessions: Sessions, change: object) -> None:
    token = sessions.token(sessions.begin("night"))
    assert callable(change)

    assert sessions.read(token)
    assert sessions.read(change(token)) is None


def test_a_proof_belongs_to_one_session_and_is_no_token(sessions: Sessions) -> None:
    one, other = sessions.begin("night"), sessions.begin("night")

    assert sessions.proves(one, sessions.proof(one))
    assert not sessions.proves(one, sessions.proof(other))
    assert not sessions.proves(one, sessions.token(one).rpartition("~")[2])
    assert not sessions.proves(one, "")
    assert not sessions.proves(one, "\udc80")


def test_a_session_of_the_future_is_none(sessions: Sessions, now: list[float]) -> None:
    far = Session("night", "id", int(now[0]) + LONGEST, int(now[0]) + LONGEST)

    assert sessions.read(sessions.token(far)) is None


def test_only_operators_have_sessions() -> None:
    assert not Sessions({"app": key("app", role=Role.APP)})
    assert Sessions({"night": key()})


def test_an_address_has_some_tries_a_minute_and_others_have_theirs() -> None:
    now = [0.0]
    tries = Tries(lambda: now[0])
    for _ in range(MOST):
        assert tries.wait("203.0.113.7") == 0
        tries.fail("203.0.113.7")
        now[0] += 1

    assert tries.wait("203.0.113.7") == WINDOW - MOST
    assert tries.wait("203.0.113.8") == 0
    now[0] = WINDOW
    assert tries.wait("203.0.113.7") == 0
    tries.fail("203.0.113.7")
    assert tries.wait("203.0.113.7") > 0


def test_who_signs_in_has_all_tries_again() -> None:
    tries = Tries(lambda: 0.0)
    for _ in range(MOST):
        tries.fail("::ffff:203.0.113.7")
    tries.succeed("203.0.113.7")

    assert tries.wait("203.0.113.7") == tries.wait("::ffff:203.0.113.7") == 0


def test_the_addresses_of_one_ipv6_network_share_their_tries() -> None:
    tries = Tries(lambda: 0.0)
    for place in range(MOST):
        tries.fail(f"2001:db8::{place}")

    assert tries.wait("2001:db8::ffff") > 0
    assert tries.wait("2001:db8:0:1::") == 0


def test_the_tries_that_are_remembered_are_bounded() -> None:
    tries = Tries(lambda: 0.0)
    for place in range(10_100):
        tries.fail(f"10.0.{place // 256}.{place % 256}")

    assert len(tries._failed) == 10_000
    assert "10.0.0.0" not in tries._failed
