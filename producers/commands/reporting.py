"""What ``xinshi doctor`` asks of delivery reports: do they come as soon as usual."""

from collections.abc import Iterator

from producers import promptness
from producers.commands.checks import Check, ok, warning
from worker import vendors as adapters
from worker.contract.errors import SettingsError
from worker.contract.promptness import counted
from worker.contract.settings import Settings
from worker.store.client import Store
from worker.store.promptness import read
from worker.vendors.base import Vendor

_OTHERS = "its messages go by the others of its route as far as there are any; ask the vendor"
_OURS = "more likely our intake than all vendors: look at the callbacks' address, polls and spool"


def check(store: Store, settings: Settings) -> Iterator[Check]:
    """Say at which accounts the reports stay away; see ``[health]``."""
    names = counted(settings.health.prompt, _vendors(settings))
    if not names:
        return
    found = promptness.known(settings, [store.run(read(names))])
    slow = {name: each.text for name, each in found.items() if each.found.slow}
    if promptness.all_silent(found):
        said = "; ".join(f"{name}: {text}" for name, text in slow.items())
        yield warning("reports", f"they stay away everywhere: {said}", _OURS)
        return
    for name, text in slow.items():
        yield warning(f"reports {name}", text, _OTHERS)
    if not slow:
        judged = any(each.found.left is not None for each in found.values())
        said = "they come as soon as usual" if judged else "too few of late to judge them"
        yield ok("reports", said)


def _vendors(settings: Settings) -> dict[str, Vendor]:
    """Return the accounts whose settings are right; another check tells of the rest."""
    found = {}
    for name, account in settings.vendors.items():
        try:
            found[name] = adapters.load(name, account)
        except SettingsError:
            continue
    return found
