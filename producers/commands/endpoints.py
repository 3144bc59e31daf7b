"""What ``xinshi doctor`` asks of webhooks, and in one word how an endpoint does."""

from collections.abc import Iterator

from producers.commands.backlog import age
from producers.commands.checks import Check, error, ok, warning
from producers.steps import clock, plain
from worker.contract import jobs
from worker.contract.settings import Settings
from worker.contract.webhooks import Webhook
from worker.store import webhooks
from worker.store.client import Store
from worker.store.webhooks import Condition

_DAY = 86_400_000  # ms
_LONG = webhooks.MOST // 10  # waiting events that someone should look at
_LATE = 300_000  # ms past its time at which an event should have been posted
_EXAMPLE = b"set me"  # what the secret of xinshi.example.toml begins with


def state(found: Condition, now: int) -> str:
    """Return new, gone, resting, probing or ok; ``now``: ms since 1970."""
    if found.gone:
        return "gone"
    if found.rest:
        return "resting" if found.rest > now else "probing"
    return "ok" if found.known else "new"


def check(store: Store, settings: Settings) -> Iterator[Check]:
    """Check each endpoint."""
    for name, webhook in settings.webhooks.items():
        if any(key.startswith(_EXAMPLE) for key in webhook.keys):
            advice = f"set webhooks.{name}.secret: everybody knows this one"
            yield error(f"webhook {name}", "its secret is the example's", advice)
        yield _endpoint(name, webhook, webhooks.look(store, name), _now(store))


def _now(store: Store) -> int:
    seconds, micros = store.command("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def _endpoint(name: str, webhook: Webhook, found: Condition, now: int) -> Check:
    check, waiting = f"webhook {name}", f"{found.waiting} events wait"
    why = plain(found.reason)
    if found.gone:
        told = f"{webhook.host} wants no more since {clock(found.gone, now)} (HTTP 410), {waiting}"
        return warning(check, told, f"take it out, or xinshi webhooks resume {name}")
    if found.rest:
        until = f" until {clock(found.rest, now)}" if found.rest > now else ""
        return warning(check, f"rests{until}: {why}; {waiting}", f"xinshi webhooks test {name}")
    if not found.served:
        advice = f"start beat, and a worker with -Q {jobs.TICKS}"
        return warning(check, f"nobody posts to it, {waiting}", advice)
    if found.lost > now - _DAY:
        last = age((now - found.lost) / 1000)
        told = f"{found.dropped} dropped, {found.given_up} given up, the last {last} ago; {waiting}"
        return warning(check, told, "its web app missed them: see docs/webhooks.md")
    late = now - found.oldest if found.oldest else 0
    if found.waiting > _LONG or late > _LATE:
        told = f"{waiting}, the first due {age(late / 1000)} ago"
        return warning(check, told, "it is too slow: raise concurrency, or answer sooner")
    return ok(check, f"{found.delivered} delivered, {waiting}")
