"""``xinshi vendors``: the accounts as the settings and the adapters make them."""

from collections.abc import Mapping
from typing import Any

import rich_click as click

from producers.commands.access import Access
from producers.commands.failure import WORKED
from producers.commands.output import json_option, put_json
from producers.commands.pages import Command
from worker import vendors as adapters
from worker.contract.durations import Window
from worker.contract.settings import Settings
from worker.contract.status import Stream
from worker.vendors.base import Vendor

_PLENTY = 1000  # columns of a page that is no terminal: nothing is folded


@click.command(
    cls=Command,
    examples=(
        "xinshi vendors",
        "xinshi --config /etc/xinshi.toml vendors --json",
    ),
    codes="0 listed; 2 the settings are wrong",
)
@json_option
@click.pass_obj
def vendors(access: Access, as_json: bool) -> int:
    """List the vendor accounts: address, routes, limits, abilities.

    Credentials are never shown.
    """
    settings = access.settings()
    found = [describe(settings, vendor) for vendor in adapters.load_all(settings).values()]
    if as_json:
        put_json(found)
    elif found:
        _table(found)
    else:
        where = settings.path or "there is no xinshi.toml"
        click.echo(f"no accounts in the settings ({where})", err=True)
    return WORKED


def describe(settings: Settings, vendor: Vendor) -> dict[str, Any]:
    """Return what may be shown of an account; defaults are the adapter's."""
    account = settings.vendors[vendor.name]
    limits = account.limits
    windows = limits.per_number
    return {
        "name": vendor.name,
        "adapter": vendor.adapter,
        "base_url": vendor.base_url,
        "routes": {
            str(stream): settings.route(stream).index(vendor.name) + 1
            for stream in Stream
            if vendor.name in settings.route(stream)
        },
        "limits": {
            "per_number": list(vendor.per_number)
            if windows is None
            else [_window(window) for window in windows],
            "per_second": vendor.per_second if limits.per_second is None else limits.per_second,
            "concurrency": vendor.concurrency if limits.concurrency is None else limits.concurrency,
        },
        "batch": vendor.batch,
        "max_length": vendor.max_length,
        "templates_only": vendor.templates_only,
        "reports": vendor.reported,
        "timeouts": {"connect": account.timeouts.connect, "total": account.timeouts.total},
    }


def _window(window: Window) -> str:
    return f"{window.count}/{f'{window.seconds:g}s' if window.seconds else 'day'}"


def _table(found: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - only the table pays for it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("account", style="bold", no_wrap=True)
    for heading in ("address and routes", "limits", "carries"):
        table.add_column(heading, overflow="fold")
    console = Console(markup=False, highlight=False, emoji=False)
    joint = "\n"
    if not console.is_terminal:
        console.width, joint = _PLENTY, ", "
    for each in found:
        table.add_row(*(joint.join(cell) for cell in _cells(each)))
    with console.capture() as page:  # rich would end the process where the output is closed
        console.print(table)
    click.echo(page.get(), nl=False)


def _cells(each: Mapping[str, Any]) -> tuple[list[str], ...]:
    limits, timeouts, name = each["limits"], each["timeouts"], each["name"]
    routes = ", ".join(f"{stream} {place}" for stream, place in each["routes"].items())
    allowed = [f"{window} a number" for window in limits["per_number"]]
    if limits["per_second"]:
        allowed.append(f"{limits['per_second']:g}/s")
    if limits["concurrency"]:
        allowed.append(f"{limits['concurrency']} at once")
    allowed.append(f"time-outs {timeouts['connect']:g} s, {timeouts['total']:g} s")
    carries = [
        "templates only" if each["templates_only"] else "any text",
        f"{each['batch']} a call",
        "reports" if each["reports"] else "no reports",
    ]
    adapter = [] if each["adapter"] == name else [each["adapter"]]
    return ([name, *adapter], [each["base_url"], routes or "no route"], allowed, carries)
