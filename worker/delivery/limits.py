"""Limits and routes as the claim wants them: each account with what it may carry, packed."""

import math
from collections.abc import Mapping, Sequence

import msgspec

from worker.contract.durations import Window
from worker.contract.record import Record
from worker.contract.settings import Account, Settings, WorkerSettings
from worker.contract.status import Stream
from worker.vendors.base import Vendor

_SIGNATURE = 40  # characters, brackets included
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
    return msgspec.msgpack.encode(_pairs(found))


def _pairs(found: tuple[Window, ...], many: int = 1) -> list[list[int]]:
    """Return count and milliseconds of each; rounded up, for 0 is the calendar day.

    ``many``: among so many shards the count is divided.
    """
    return [[max(1, each.count // many), math.ceil(each.seconds * 1000)] for each in found]


def life(account: Account, worker: WorkerSettings) -> float:
    """Return the seconds after which an attempt counts as lost."""
    return account.timeouts.total + worker.grace


def pack(
    stream: Stream,
    settings: Settings,
    vendors: Mapping[str, Vendor],
    order: Sequence[str] | None = None,
) -> bytes:
    """Return what claim.lua is to know about a stream: see there.

    ``order``: its accounts, best first; None: as the settings have them.
    """
    own = settings.streams[stream]
    share = 0.0 if stream is Stream.OTP else 1.0
    quiet = own.quiet_hours
    many = len(settings.cells)
    return msgspec.msgpack.encode(
        {
            "accounts": [
                _account(name, settings, vendors[name], share)
                for name in order or settings.route(stream)
            ],
            "evade": own.evade_caps,
            "caps": {
                "number": _pairs(own.per_number),
                "prefix": _pairs(settings.brake.prefix, many),
                "tag": _pairs(settings.brake.tag, many),
            },
            "suppress": stream is Stream.MARKETING,  # the others are exempt: wanted or asked for
            "quiet": [quiet.begins, quiet.ends, int(own.spread * 1000)] if quiet else False,
            **({"shards": many} if many > 1 else {}),
        }
    )


def carries(name: str, settings: Settings, vendor: Vendor, record: Record) -> bool:
    """Return whether the claim would give a record to an account: claim.lua's rule, said here."""
    if record.pin not in ("", name) or record.length > _longest(vendor):
        return False
    return not vendor.templates_only or record.template in _templates(name, settings)


def _longest(vendor: Vendor) -> int:
    """Return the longest text with its signature that may be worth a closer look.

    Where a vendor does not count the signature, the adapter itself says no in time.
    """
    return vendor.max_length + (0 if vendor.signature_counts else _SIGNATURE)


def _templates(name: str, settings: Settings) -> dict[str, bool]:
    adapter = settings.vendors[name].adapter
    return {
        key: True
        for key, template in settings.templates.items()
        if name in template.forms or adapter in template.forms
    }


def of_account(account: Account, vendor: Vendor) -> tuple[float, int]:
    """Return an account's submits a second and at once, all shards together; 0: no limit."""
    per_second = account.limits.per_second or vendor.per_second or 0
    return per_second, account.limits.concurrency or vendor.concurrency or 0


def _account(name: str, settings: Settings, vendor: Vendor, share: float) -> dict[str, object]:
    account = settings.vendors[name]
    per_second, concurrency = of_account(account, vendor)
    return {
        "name": name,
        "sign": vendor.own_signature(),
        "max_length": _longest(vendor),
        "templates_only": vendor.templates_only,
        "templates": _templates(name, settings),
        "windows": _pairs(windows(vendor, account)),
        "learns": bool(vendor.windows),
        "interval": 1000 / per_second if per_second else 0,
        "share": share * account.limits.otp_share,
        "burst": _BURST,
        "concurrency": concurrency,
        "life": int(life(account, settings.worker) * 1000),
    }
