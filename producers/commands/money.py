"""What ``xinshi doctor`` asks of balances: how long does the money last."""

from collections.abc import Iterator

from producers import funds
from producers.commands.checks import Check, error, ok, warning
from worker.contract.settings import Settings
from worker.store import balances
from worker.store.balances import Stored
from worker.store.client import Store

_ADVICE = "top it up, or take it out of the routes before it is empty"


def check(store: Store, settings: Settings) -> Iterator[Check]:
    """Judge what the accounts have left, as far as somebody asked; see ``[alarms]``."""
    names = list(settings.vendors)
    for stored in store.run(balances.read(names)).accounts if names else ():
        if stored.amount is not None:
            yield judge(settings, stored)


def judge(settings: Settings, stored: Stored) -> Check:
    """Return the verdict on one account whose balance is known."""
    name, left = f"balance {stored.account}", funds.known(stored)
    found = ", ".join(filter(None, (left.text, left.lasts, left.pace)))
    hours, thresholds = left.runway.hours, settings.alarms.runway
    low = settings.vendors[stored.account].balance_low
    if hours is not None and thresholds and hours < min(thresholds):
        return error(name, found, _ADVICE)
    if hours is not None and thresholds and hours < max(thresholds):
        return warning(name, found, _ADVICE)
    if low is not None and stored.amount is not None and stored.amount <= low:
        return warning(name, f"{found}; balance_low is {funds.digits(low)}", _ADVICE)
    return ok(name, found)
