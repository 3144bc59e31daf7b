"""Limits and routes as the claim wants them: each account with what it may carry, packed."""

from collections.abc import Mapping

import msgspec

from worker.contract.durations import Window
from worker.contract.settings import Account, Settings, WorkerSettings
from worker.contract.status import Stream
from worker.vendors.base import Vendor

_BURST = 50.0  # ms of its rate that an account may take at once: pumps look every few ms


def windows(vendor: Vendor, account: Account) -> tuple[Window, ...]:
    """Return the per-number windows in force: the account's, or its adapter's."""
    if account.limits.per_number is not None:
        return account.limits.per_number
    return tuple(Window.parse(text) for text in vendor.per_number)


def pack_windows(found: tuple[Window, ...]) -> bytes:
    """Return the windows as the scripts read them; empty where there is none."""
    if not found:
        return b""
    return msgspec.msgpack.encode([[each.count, int(each.seconds * 1000)] for each in found])


def life(account: Account, worker: WorkerSettings) -> float:
    """Return the seconds after which an attempt counts as lost."""
    return account.timeouts.total + worker.grace


def pack(stream: Stream, settings: Settings, vendors: Mapping[str, Vendor]) -> bytes:
    """Return a stream's accounts, best first, as claim.lua reads them."""
    return msgspec.msgpack.encode(
        [_account(name, settings, vendors[name]) for name in settings.route(stream)]
    )


def _account(name: str, settings: Settings, vendor: Vendor) -> dict[str, object]:
    account = settings.vendors[name]
    per_second = account.limits.per_second or vendor.per_second
    return {
        "name": name,
        "max_length": vendor.max_length,
        "templates_only": vendor.templates_only,
        "templates": {
            key: True
            for key, template in settings.templates.items()
            if name in template.forms or account.adapter in template.forms
        },
        "windows": [[each.count, int(each.seconds * 1000)] for each in windows(vendor, account)],
        "learns": bool(vendor.windows),
        "interval": 1000 / per_second if per_second else 0,
        "burst": _BURST,
        "concurrency": account.limits.concurrency or vendor.concurrency or 0,
        "life": int(life(account, settings.worker) * 1000),
    }
