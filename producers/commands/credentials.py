"""What ``xinshi doctor --probe`` asks of the vendors: do they know us. Costs no message."""

from collections.abc import Iterator

from producers.commands import balances
from producers.commands.balances import Answer
from producers.commands.checks import Check, error, ok
from worker import vendors as adapters
from worker.contract.errors import SettingsError
from worker.contract.settings import Settings
from worker.store.balances import Stored
from worker.vendors.base import Vendor

_ADVICE = "check credentials and address, and that the vendor allows this machine's"


def check(settings: Settings) -> Iterator[Check]:
    """Ask each account for its balance; raise Failure without the worker's packages."""
    vendors: dict[str, Vendor] = {}
    for name, account in settings.vendors.items():
        try:
            vendors[name] = adapters.load(name, account)
        except SettingsError:  # said by another check
            continue
    known = {name: Stored(name) for name in vendors}
    for answer in balances.ask(balances.transport(), settings, vendors, known):
        yield _judge(answer)


def _judge(answer: Answer) -> Check:
    check = f"credentials {answer.name}"
    if answer.error:
        return error(check, answer.error, _ADVICE)
    if not answer.asked:
        return ok(check, f"{answer.adapter} has no call that only asks: the first message tells")
    return ok(check, f"the vendor knows us; it has {answer.funds.text}")
