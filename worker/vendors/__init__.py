"""One file a vendor; a leading underscore marks what several share. Adapters never do I/O.

An account names its adapter: a file of this package, or one from anywhere else as
``package.module:Class``. Nothing is found by being installed: the settings say what is loaded.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules

from worker.contract.errors import SettingsError
from worker.contract.events import Raw
from worker.contract.settings import Account, Settings
from worker.vendors.base import Vendor


def names() -> list[str]:
    """Return the adapters that come with Xinshi."""
    found = (module.name for module in iter_modules(__path__))
    return sorted(name for name in found if not name.startswith("_") and name != "base")


def load(
    name: str, account: Account, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Vendor:
    """Return the adapter of one account; raise SettingsError."""
    return _class(account.adapter, f"vendors.{name}.adapter")(name, account, clock)


def load_all(settings: Settings) -> dict[str, Vendor]:
    """Return the adapter of every account, by the account's name; raise SettingsError."""
    return {name: load(name, account) for name, account in settings.vendors.items()}


def unprotected(vendor: Vendor) -> bool:
    """Return whether anybody at all may call back: an empty call from nowhere is believed."""
    return vendor.verify(Raw("report"))


def _class(adapter: str, key: str) -> type[Vendor]:
    """Return what an account's ``adapter`` names; raise SettingsError at ``key``."""
    if adapter in names():
        return _found(f"{__name__}.{adapter}", "Adapter", key)
    module, colon, attribute = adapter.partition(":")
    if colon:
        return _found(module, attribute, key)
    raise SettingsError(
        key, f"unknown adapter {adapter!r}; there are {', '.join(names())}, or package.module:Class"
    )


def _found(module: str, attribute: str, key: str) -> type[Vendor]:
    try:
        found = getattr(import_module(module), attribute, None)
    except Exception as error:  # an adapter of others may fail in any way as it is imported
        said = f"{type(error).__name__}: {error}"
        raise SettingsError(key, f"cannot import {module!r}: {said}") from error
    if not isinstance(found, type) or not issubclass(found, Vendor) or isabstract(found):
        rule = "a subclass of worker.vendors.base.Vendor that has submit()"
        raise SettingsError(key, f"{module}:{attribute} is not {rule}")
    return found
