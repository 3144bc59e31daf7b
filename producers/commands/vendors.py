"""``xinshi vendors``: the accounts as the settings and the adapters make them, and how they do."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import rich_click as click

from producers import funds, promptness
from producers.commands.access import Access
from producers.commands.failure import WORKED, complain
from producers.commands.output import json_option, put_json
from producers.commands.pages import Command
from producers.conditions import Condition, condition
from producers.funds import Funds
from producers.promptness import Prompt
from worker import vendors as adapters
from worker.contract.durations import Window
from worker.contract.errors import StoreError
from worker.contract.settings import Settings
from worker.contract.status import Stream
from worker.store import balances, care, totals
from worker.vendors.base import Vendor

_PLENTY = 1000  # columns of a page that is no terminal: nothing is folded


@click.command(
    cls=Command,
    examples=(
        "xinshi vendors",
        "xinshi --config /etc/xinshi.toml vendors --json",
    ),
    codes="0 listed, with or without Redis; 2 the settings are wrong",
)
@json_option
@click.pass_obj
def vendors(access: Access, as_json: bool) -> int:
    """List the vendor accounts: how they do, address, routes, limits, abilities.

    Credentials are never shown. Without Redis the accounts are listed all the same, their state
    unknown.
    """
    settings = access.settings()
    found = [describe(settings, vendor) for vendor in adapters.load_all(settings).values()]
    state, left, told = _known(access, settings, found)
    if as_json:
        names = [each["name"] for each in found]
        rows = zip(found, names, strict=True)
        put_json([row(each, state[own], left.get(own), told.get(own)) for each, own in rows])
    elif found:
        _table(found, state, left, told)
    else:
        where = settings.path or "there is no xinshi.toml"
        click.echo(f"no accounts in the settings ({where})", err=True)
    return WORKED


def _known(
    access: Access, settings: Settings, found: list[dict[str, Any]]
) -> tuple[Mapping[str, Condition], Mapping[str, Funds], Mapping[str, Prompt]]:
    """Ask the store how the accounts do; where it does not answer, say so once."""
    names = [each["name"] for each in found]
    if not names:
        return {}, {}, {}
    with closing(access.shards(settings)) as shards:
        try:
            states = totals.states(shards.everywhere(care.states(names)))
            left = shards.ask(0, balances.read(names))
            counted = shards.everywhere(promptness.asked(found))
        except StoreError as error:
            complain(f"how the accounts do is unknown: {error}")
            return {name: Condition() for name in names}, {}, {}
    conditions = {
        state.name: condition(state, states.now, each["limits"]["concurrency"])
        for state, each in zip(states.accounts, found, strict=True)
    }
    known = {each.account: funds.known(each) for each in left.accounts}
    return conditions, known, promptness.known(settings, counted)


def row(
    each: Mapping[str, Any], state: Condition, left: Funds | None, told: Prompt | None
) -> dict[str, Any]:
    """Return one account ready for JSON: its settings, how it does, what it has left and tells."""
    known = left is not None and left.amount is not None
    return {
        **each,
        **state.to_dict(),
        "prompt": told.to_dict() if told else None,
        "balance": left.to_dict() if left and known else None,
    }


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
            else [window(each) for each in windows],
            "per_second": vendor.per_second if limits.per_second is None else limits.per_second,
            "concurrency": vendor.concurrency if limits.concurrency is None else limits.concurrency,
        },
        "batch": vendor.batch,
        "max_length": vendor.max_length,
        "templates_only": vendor.templates_only,
        "reports": vendor.reported,
        "timeouts": {"connect": account.timeouts.connect, "total": account.timeouts.total},
    }


def window(each: Window) -> str:
    """Return a window as it is written in the settings."""
    return f"{each.count}/{f'{each.seconds:g}s' if each.seconds else 'day'}"


def _table(
    found: list[dict[str, Any]],
    state: Mapping[str, Condition],
    left: Mapping[str, Funds],
    told: Mapping[str, Prompt],
) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - only the table pays for it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("account", style="bold", no_wrap=True)
    for heading in ("state", "address and routes", "limits", "carries"):
        table.add_column(heading, overflow="fold")
    console = Console(markup=False, highlight=False, emoji=False)
    joint = "\n"
    if not console.is_terminal:
        console.width, joint = _PLENTY, ", "
    for each in found:
        own = each["name"]
        cells = _cells(each, state[own], left.get(own), told.get(own))
        table.add_row(*(joint.join(cell) for cell in cells))
    with console.capture() as page:  # rich would end the process where the output is closed
        console.print(table)
    click.echo(page.get(), nl=False)


def _cells(
    each: Mapping[str, Any], state: Condition, left: Funds | None, told: Prompt | None
) -> tuple[list[str], ...]:
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
    address = [each["base_url"], routes or "no route"]
    return ([name, *adapter], _state(state, left, told), address, allowed, carries)


def _state(state: Condition, left: Funds | None, told: Prompt | None) -> list[str]:
    cell = [state.text]
    if left and left.text:
        cell.append(f"{left.text}, {left.lasts}" if left.lasts else left.text)
    if told and told.text:
        cell.append(told.text)
    if state.open:
        cell.append(f"{state.open} open")
    if state.most_batch:
        until = f"{state.batch_until:%H:%M:%S}"
        cell.append(f"{state.most_batch} a call until {until}: one with more was refused")
    return cell + [f"code {code} drifted {times} times" for code, times in state.drift.items()]
