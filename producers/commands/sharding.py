"""What ``xinshi doctor`` asks of one of several servers: is it the one that the settings mean."""

from producers.commands.checks import Check, error, ok
from worker.contract import keys
from worker.contract.settings import Settings
from worker.store.client import Store


def check(store: Store, settings: Settings, place: int) -> Check:
    """Check the name under which its workers served it first: numbers live by names."""
    name, number = settings.cells[place].name, f"number {place} of {len(settings.cells)}"
    said = store.command("GET", keys.SHARD)
    known = said.decode() if isinstance(said, bytes) else said
    if known and known != name:
        found = f"{number}, named {name}; its workers began as shard {known}"
        advice = "put redis_urls back in order: what is stored is looked for elsewhere now"
        return error("shard", found, advice)
    return ok("shard", number if known else f"{number}; no worker has served it yet")
