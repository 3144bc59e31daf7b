"""What ``xinshi doctor`` asks of what comes back: is it parsed, is it understood, is it fetched."""

from collections.abc import Iterator
from typing import Any

from producers.commands.backlog import age
from producers.commands.checks import Check, error, ok, warning
from worker import vendors as adapters
from worker.contract import jobs, keys
from worker.contract.errors import SettingsError
from worker.contract.settings import Settings
from worker.store.client import Store

_LATE = 60.0  # seconds: beat has both done every second or two


def check(store: Store, settings: Settings) -> Iterator[Check]:
    """Check the spool and the polls."""
    seconds, micros = store.redis.time()
    now = float(seconds) + float(micros) / 1_000_000
    yield spool(store, now)
    yield unreadable(store)
    yield from polls(store, settings, now)


def spool(store: Store, now: float) -> Check:
    """Judge how long the oldest page waits for its parser."""
    pages = int(store.redis.xlen(keys.SPOOL))
    first: Any = store.redis.xrange(keys.SPOOL, count=1)
    if not first:
        return ok("spool", "0 pages")
    waits = now - int(first[0][0].split(b"-")[0]) / 1000
    found = f"{pages} pages, the oldest for {age(waits)}"
    if waits <= _LATE:
        return ok("spool", found)
    advice = f"start beat, and a worker with -Q {jobs.TICKS}; where they run, see the worker's log"
    return warning("spool", found, advice)


def unreadable(store: Store) -> Check:
    """Say whether there are pages that no parser understood."""
    count = int(store.redis.xlen(keys.UNREADABLE))
    if not count:
        return ok("unreadable pages", "0")
    found = f"{count}: what they report or say may be missing"
    advice = "xinshi spool list says why; after the fix, xinshi spool replay parses them again"
    return error("unreadable pages", found, advice)


def polls(store: Store, settings: Settings, now: float) -> Iterator[Check]:
    """Say when each account that wants to be asked was asked with success."""
    for name, account in settings.vendors.items():
        try:
            vendor = adapters.load(name, account)
        except SettingsError:  # said by another check
            continue
        for kind in vendor.polls():
            yield _poll(store, name, kind, now)
        if account.balance_every and vendor.balance() is not None:
            yield _poll(store, name, "balance", now, account.balance_every + _LATE)


def _poll(store: Store, name: str, kind: str, now: float, late: float = _LATE) -> Check:
    check = f"poll {name} {kind}"
    failed = "balance.failed" if kind == "balance" else "poll.failed"
    advice = f"start beat, and a worker with -Q {jobs.TICKS}; see its log for {failed}"
    last = store.redis.get(f"{keys.POLLED}{name}:{kind}")
    if last is None:
        return warning(check, "never polled with success", advice)
    ago = now - int(last) / 1000
    found = f"{age(ago)} ago"
    return ok(check, found) if ago <= late else warning(check, f"last {found}", advice)
