"""What ``xinshi doctor`` asks of accounts and troubled messages."""

from collections import Counter
from collections.abc import Iterator

from producers.commands.backlog import age
from producers.commands.checks import Check, error, ok, warning
from producers.commands.vendors import window
from producers.steps import clock, plain
from worker import vendors as adapters
from worker.contract import keys
from worker.contract.errors import SettingsError
from worker.contract.record import Record
from worker.contract.settings import Settings
from worker.contract.status import Stream
from worker.store import acts, care
from worker.store.care import AccountState, States
from worker.store.client import Store
from worker.vendors.base import Vendor

_DAY = 86_400_000  # ms
_MOST = 1000  # dead letters whose reasons are counted
_SHOWN = 4  # reasons named
_REPORT = "report"  # what counts the throttling that only a report tells
_SCANNED = 100_000  # unknown messages of which the oldest is looked for


def check(store: Store, settings: Settings) -> Iterator[Check]:
    """Check accounts, unknown messages and dead letters."""
    states = store.run(care.states(list(settings.vendors)))
    if states.accounts:
        yield from breakers(settings, states)
        yield from drift(settings, states)
    yield _unknown(store, states.now)
    yield _dead(store, states.now)


def breakers(settings: Settings, states: States) -> Iterator[Check]:
    """Say which accounts are left alone; an error where a stream has no other."""
    down = {each.name: each for each in states.accounts if each.down > states.now}
    for each in down.values():
        until = clock(each.down, states.now)
        found = f"left alone until {until}: {plain(each.why)}"
        yield warning(f"breaker {each.name}", found, "mend the cause; it is probed by itself")
    for stream in Stream:
        route = settings.route(stream)
        if route and all(name in down for name in route):
            found = f"every account is left alone: {', '.join(route)}"
            advice = "its messages wait until one is back, or expire: mend one, or add one"
            yield error(f"accounts for {stream}", found, advice)
    if not down:
        yield ok("breakers", "no account is left alone")


def drift(settings: Settings, states: States) -> Iterator[Check]:
    """Say where a vendor throttled a number that our windows had let pass, in the last day."""
    drifted = [
        (each, code, times)
        for each in states.accounts
        for code, times in each.drift.items()
        if not each.drifted or each.drifted > states.now - _DAY
    ]
    for each, code, times in drifted:
        vendor = _vendor(settings, each)
        what = "a report's code" if code == _REPORT else f"code {plain(code)}"
        found = f"{what} throttled {times} times a number that our windows had let pass"
        yield warning(f"drift {each.name}", found, _correct(settings, each.name, code, vendor))
    if not drifted:
        yield ok("drift", "no vendor throttled a number that our windows let pass")


def _vendor(settings: Settings, state: AccountState) -> Vendor | None:
    try:
        return adapters.load(state.name, settings.vendors[state.name])
    except SettingsError:  # said by another check
        return None


def _correct(settings: Settings, name: str, code: str, vendor: Vendor | None) -> str:
    """Return which limit to correct."""
    own = settings.vendors[name].limits.per_number
    if own is not None:
        now = ", ".join(window(each) for each in own) or "none"
    else:
        now = (", ".join(vendor.per_number) if vendor else "") or "none"
    spans = vendor.windows.get(code, ()) if vendor else ()
    means = f"; the code means one within {' or '.join(spans)}" if spans else ""
    return f"correct vendors.{name}.limits.per_number, now {now}{means}"


def _unknown(store: Store, now: int) -> Check:
    count = store.redis.zcard(keys.UNKNOWN)
    if not count:
        return ok("unknown", "0 messages")
    oldest = min(_ids(store), default="")  # ids begin with their time
    (record,) = store.run(acts.find([oldest]))
    since = f", the oldest accepted {age((now - record.created) / 1000)} ago" if record else ""
    advice = f"xinshi explain {oldest} says what is waited for"
    return warning("unknown", f"{count} messages{since}", advice)


def _ids(store: Store) -> Iterator[str]:
    found = store.redis.zscan_iter(keys.UNKNOWN, count=1000)
    for (each, _), _ in zip(found, range(_SCANNED), strict=False):
        yield each.decode() if isinstance(each, bytes) else each


def _dead(store: Store, now: int) -> Check:
    count = store.redis.zcount(keys.DEAD, now - _DAY, "+inf")
    if not count:
        return ok("dead letters", "0 in the last 24 h")
    page = store.run(care.dead(now - _DAY, most=_MOST))
    reasons = Counter(_reason(record) for _, record in page.messages)
    named = [f"{times} {reason}" for reason, times in reasons.most_common(_SHOWN)]
    if len(reasons) > _SHOWN:
        named.append("...")
    newest = "" if page.last else f" (of the newest {_MOST})"
    found = f"{count} in the last 24 h: {', '.join(named)}{newest}"
    return warning("dead letters", found, "xinshi dead list --since 24h; dead replay sends again")


def _reason(record: Record) -> str:
    said = " ".join(each for each in (record.account, record.code, record.reason) if each)
    return plain(f"{record.status} ({said})" if said else str(record.status))
