"""One file a vendor; a leading underscore marks what several share. Adapters never do I/O."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules

from worker.contract.errors import SettingsError
from worker.contract.settings import Account, Settings
from worker.vendors.base import Vendor


def names() -> list[str]:
    """Return the adapters there are."""
    found = (module.name for module in iter_modules(__path__))
    return sorted(name for name in found if not name.startswith("_") and name != "base")


def load(
    name: str, account: Account, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Vendor:
    """Return the adapter of one account; raise SettingsError."""
    if account.adapter not in names():
        raise SettingsError(
            f"vendors.{name}.adapter",
            f"unknown adapter {account.adapter!r}; there are {', '.join(names())}",
        )
    adapter: type[Vendor] = import_module(f"{__name__}.{account.adapter}").Adapter
    return adapter(name, account, clock)


def load_all(settings: Settings) -> dict[str, Vendor]:
    """Return the adapter of every account, by the account's name; raise SettingsError."""
    return {name: load(name, account) for name, account in settings.vendors.items()}
