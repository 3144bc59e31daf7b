"""What waits for an endpoint, and how that endpoint does: on a real server, its clock moved."""

from worker.contract import keys
from worker.store import webhooks
from worker.store.client import AsyncStore
from worker.store.lease import Lease, lease
from worker.store.webhooks import Condition, Drawn, Due, Missed

from .conftest import DAY, HOUR, MINUTE, Lab, together

SETTINGS = "digest"


def hold(lab: Lab, *ids: str, most: int = webhooks.MOST) -> int:
    return lab.run(webhooks.hold("app", [(each, b"{}") for each in ids], most=most))


def drawn(lab: Lab, most: int = 100, *, busy: int = 0, settings: str = SETTINGS) -> Drawn:
    return lab.run(webhooks.due("app", most, busy=busy, hidden=20, settings=settings))


def draw(lab: Lab, most: int = 100, *, busy: int = 0, settings: str = SETTINGS) -> list[Due]:
    lab.pass_time(1)  # what was held within this very millisecond is due, too
    return drawn(lab, most, busy=busy, settings=settings).events


def miss(lab: Lab, event: Due, *, wait: float = 5, began: int = 0, **more: object) -> Missed:
    plain = {"reason": "HTTP 500", **more}
    act = webhooks.missed("app", event, wait=wait, began=began or lab.now(), **plain)  # type: ignore[arg-type]
    return lab.run(act)


def look(lab: Lab) -> Condition:
    return webhooks.look(lab.store, "app")


def fail(lab: Lab, times: int) -> Missed:
    """Let one event after another fail, so often."""
    found = Missed(given_up=False, rest=0)
    for _ in range(times):
        (event,) = draw(lab, 1)
        found = miss(lab, event)
    return found


def test_what_is_held_is_drawn_in_the_order_in_which_it_came(lab: Lab) -> None:
    ids = [f"1763611200000-{number}" for number in range(12)]
    hold(lab, *ids)

    found = draw(lab, 5) + draw(lab, 50)

    assert [each.id for each in found] == ids
    assert found[0] == Due(ids[0], 0, b"{}")
    assert draw(lab) == []


def test_what_is_held_already_stays_as_it_is(lab: Lab) -> None:
    hold(lab, "1-0")
    (event,) = draw(lab)
    miss(lab, event, wait=60)

    hold(lab, "1-0")

    assert draw(lab) == []
    lab.pass_time(MINUTE)
    assert [each.tries for each in draw(lab)] == [1]


def test_what_was_drawn_and_not_told_of_comes_again(lab: Lab) -> None:
    hold(lab, "1-0")
    draw(lab)

    lab.pass_time(19_000)
    assert draw(lab) == []
    lab.pass_time(1_000)
    assert [(each.id, each.tries) for each in draw(lab)] == [("1-0", 0)]


def test_what_was_posted_is_gone_and_counted_once(lab: Lab) -> None:
    hold(lab, "1-0", "2-0")
    draw(lab)

    for _ in range(2):
        lab.run(webhooks.posted("app", "1-0"))

    found = look(lab)
    assert (found.delivered, found.waiting) == (1, 1)
    assert found.last_success > 0
    assert lab.raw.hkeys(keys.WEBHOOK_HELD + "app") == [b"2-0"]


def test_what_failed_waits_for_its_time(lab: Lab) -> None:
    hold(lab, "1-0")
    (event,) = draw(lab)

    assert miss(lab, event, wait=30) == Missed(given_up=False, rest=0)

    lab.pass_time(29_000)
    assert draw(lab) == []
    lab.pass_time(1_000)
    assert [each.tries for each in draw(lab)] == [1]
    assert (look(lab).failed, look(lab).reason) == (1, "HTTP 500")


def test_a_failure_told_twice_counts_as_one_try(lab: Lab) -> None:
    hold(lab, "1-0")
    (event,) = draw(lab)
    miss(lab, event)
    miss(lab, event)

    lab.pass_time(5_000)
    assert [each.tries for each in draw(lab)] == [1]


def test_an_event_is_given_up_where_its_next_try_would_come_after_a_day(lab: Lab) -> None:
    hold(lab, "1-0", "2-0")
    one, two = draw(lab)
    lab.pass_time(22 * HOUR)

    assert miss(lab, one, wait=3600) == Missed(given_up=False, rest=0)
    assert miss(lab, two, wait=4 * 3600) == Missed(given_up=True, rest=0)

    found = look(lab)
    assert (found.waiting, found.given_up) == (1, 1)
    assert found.lost > 0
    assert lab.raw.hkeys(keys.WEBHOOK_HELD + "app") == [b"1-0"]


def test_what_nobody_tried_for_a_day_is_given_up(lab: Lab) -> None:
    hold(lab, "1-0")
    lab.pass_time(DAY - 60_000)
    hold(lab, "2-0")
    lab.pass_time(60_001)

    found = drawn(lab)

    assert ([each.id for each in found.events], found.given_up) == (["2-0"], 1)
    assert (look(lab).given_up, look(lab).waiting) == (1, 1)


def test_a_day_is_over_for_what_waited_for_a_later_try_too(lab: Lab) -> None:
    hold(lab, "1-0")
    (event,) = draw(lab)
    lab.pass_time(20 * HOUR)
    miss(lab, event, wait=3.9 * 3600)
    lab.pass_time(5 * HOUR)

    assert (drawn(lab).events, look(lab).given_up, look(lab).waiting) == ([], 1, 0)


def test_only_so_many_may_wait_and_those_due_first_are_dropped(lab: Lab) -> None:
    assert hold(lab, "1-0", "2-0", "3-0", most=3) == 0
    lab.pass_time(1)

    assert hold(lab, "4-0", "5-0", most=3) == 2

    assert [each.id for each in draw(lab)] == ["3-0", "4-0", "5-0"]
    assert (look(lab).dropped, look(lab).waiting) == (2, 3)
    assert lab.raw.hlen(keys.WEBHOOK_HELD + "app") == 3


def test_an_endpoint_rests_after_five_failures_in_a_row(lab: Lab) -> None:
    hold(lab, *(f"{number}-0" for number in range(9)))

    assert fail(lab, 4).rest == 0
    assert fail(lab, 1).rest == 5

    assert draw(lab) == []
    assert look(lab).rest > lab.now()


def test_a_success_between_them_begins_anew(lab: Lab) -> None:
    hold(lab, *(f"{number}-0" for number in range(9)))
    fail(lab, 4)
    (event,) = draw(lab, 1)
    lab.run(webhooks.posted("app", event.id))

    assert fail(lab, 4).rest == 0


def test_after_its_rest_one_event_at_a_time_tells_whether_it_is_well(lab: Lab) -> None:
    hold(lab, *(f"{number}-0" for number in range(9)))
    fail(lab, 5)
    lab.pass_time(5_001)

    (probe,) = draw(lab)
    assert draw(lab, busy=1) == []

    assert lab.run(webhooks.posted("app", probe.id)) is True
    assert len(draw(lab)) >= 3
    assert look(lab).rest == 0


def test_its_rest_doubles_with_each_failure_up_to_a_quarter_of_an_hour(lab: Lab) -> None:
    hold(lab, *(f"{number}-0" for number in range(30)))
    fail(lab, 5)
    rests = []
    for _ in range(10):
        lab.pass_time(int(look(lab).rest - lab.now() + 1))
        rests.append(fail(lab, 1).rest)

    assert rests == [10, 20, 40, 80, 160, 320, 640, 900, 900, 900]


def test_what_was_on_its_way_when_it_began_to_rest_makes_it_no_longer(lab: Lab) -> None:
    hold(lab, *(f"{number}-0" for number in range(16)))
    events = draw(lab)
    began = lab.now()
    lab.pass_time(1_000)

    rests = [miss(lab, each, began=began - 1_000).rest for each in events]

    assert [each for each in rests if each] == [5]


def test_an_endpoint_that_asks_for_it_is_left_alone_at_once(lab: Lab) -> None:
    hold(lab, "1-0", "2-0")
    (event,) = draw(lab, 1)

    assert miss(lab, event, wait=120, asked=120).rest == 120

    lab.pass_time(119_000)
    assert draw(lab) == []
    lab.pass_time(1_001)
    assert [each.id for each in draw(lab)] == ["2-0"]


def test_an_endpoint_that_is_gone_gets_nothing_until_its_settings_change(lab: Lab) -> None:
    hold(lab, "1-0")
    (event,) = draw(lab)
    miss(lab, event, gone=True, reason="HTTP 410")

    hold(lab, "2-0")
    lab.pass_time(HOUR)
    assert (draw(lab), look(lab).gone > 0) == ([], True)

    assert {each.id for each in draw(lab, settings="other")} == {"1-0", "2-0"}
    assert look(lab).gone == 0


def test_gone_is_not_forgotten_because_of_what_was_on_its_way(lab: Lab) -> None:
    hold(lab, "1-0", "2-0")
    one, two = draw(lab)
    miss(lab, one, gone=True)

    assert lab.run(webhooks.posted("app", two.id)) is False

    assert look(lab).gone > 0


def test_resuming_makes_all_of_it_due_but_what_is_on_its_way(lab: Lab) -> None:
    hold(lab, "1-0", "2-0", "3-0")
    one, two, _ = draw(lab)
    miss(lab, one, wait=3600)
    miss(lab, two, gone=True, wait=3600)

    assert lab.run(webhooks.resume("app")) == (True, 2)

    assert sorted(each.id for each in draw(lab)) == ["1-0", "2-0"]
    assert lab.run(webhooks.resume("app")) == (False, 0)


def test_endpoints_know_nothing_of_each_other(lab: Lab) -> None:
    hold(lab, "1-0")
    fail(lab, 1)

    other = webhooks.due("other", 9, busy=0, hidden=20, settings=SETTINGS)

    assert lab.run(other).events == []
    assert webhooks.look(lab.store, "other").failed == 0


def test_it_says_when_there_may_be_more(lab: Lab) -> None:
    hold(lab, "1-0")
    (event,) = draw(lab)
    miss(lab, event, wait=0.4)

    assert 0 < drawn(lab).pause <= 0.4
    lab.pass_time(400)
    draw(lab)
    assert drawn(lab).pause == 1


def test_what_nobody_comes_for_is_forgotten_in_the_end(lab: Lab) -> None:
    hold(lab, "1-0")

    for key in (keys.WEBHOOK_DUE + "app", keys.WEBHOOK_HELD + "app"):
        assert DAY < lab.raw.pttl(key) <= 2 * DAY


def test_an_endpoint_that_no_worker_knows_is_told_so(lab: Lab) -> None:
    assert look(lab) == Condition()


async def test_a_lease_has_one_holder(astore: AsyncStore, lab: Lab) -> None:
    one, two = (Lease(astore, keys.WEBHOOK_LEASE + "app", 15) for _ in range(2))

    assert await one.take() is True
    assert await two.take() is False
    await two.release()
    assert await one.take() is True
    assert look(lab).served is True

    await one.release()
    assert await two.take() is True


async def test_a_lease_that_is_not_kept_is_anybodys(astore: AsyncStore, lab: Lab) -> None:
    one, two = (Lease(astore, keys.WEBHOOK_LEASE + "app", 15) for _ in range(2))
    await one.take()

    lab.pass_time(15_001)

    assert await two.take() is True
    assert await one.take() is False


async def test_of_many_who_want_a_lease_one_gets_it(lab: Lab) -> None:
    tokens = [f"t{number}" for number in range(8)]
    found = await together(
        *(
            lambda token=token: lab.run(lease("xinshi:webhook-lease:a", token, 9))
            for token in tokens
        )
    )

    assert found.count(True) == 1
