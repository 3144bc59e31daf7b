"""``xinshi balances``: what each account has left, asked at the vendors now."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any

import rich_click as click

from producers.commands.access import Access
from producers.commands.failure import FAILED, WORKED, Failure, complain
from producers.commands.output import json_option, put_columns, put_json
from producers.commands.pages import Command
from worker import vendors as adapters
from worker.contract.settings import Settings, Timeouts
from worker.vendors.base import Balance, Vendor

_SLACK = 1.0  # seconds above an account's own time-out


@dataclass(frozen=True, slots=True)
class Answer:
    """What one account said: a balance, or an error, or neither where it has no such call."""

    name: str
    adapter: str
    balance: Balance | None = None
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON; the amount is a text, so that no digit gets lost."""
        found = self.balance
        return {
            "name": self.name,
            "adapter": self.adapter,
            "amount": _digits(found.amount) if found else None,
            "unit": found.unit if found else None,
            "postpaid": found.postpaid if found else None,
            "asked": found is not None or bool(self.error),
            "error": self.error or None,
        }


@click.command(
    cls=Command,
    examples=(
        "xinshi balances",
        "xinshi balances --json",
    ),
    codes="0 every account that can be asked has answered; 1 one has not; 2 the settings are wrong",
)
@json_option
@click.pass_obj
def balances(access: Access, as_json: bool) -> int:
    """Ask every vendor account what it has left.

    All are asked at once, each within its own time-out. Needs the worker's packages.
    """
    settings = access.settings()
    vendors = adapters.load_all(settings)
    if not vendors:
        where = settings.path or "there is no xinshi.toml"
        click.echo(f"no accounts in the settings ({where})", err=True)
        return WORKED
    answers = asyncio.run(_ask_all(_load(), settings, vendors))
    if as_json:
        for each in answers:
            put_json(each.to_dict())
    else:
        put_columns([(each.name, _text(each)) for each in answers if not each.error])
    for each in answers:
        if each.error:
            complain(f"{each.name}: {each.error}")
    return FAILED if any(each.error for each in answers) else WORKED


def _load() -> Any:
    """Import the transport only here: what a web app installs does not have it."""
    try:
        return import_module("worker.transport")
    except ModuleNotFoundError as error:
        line = f"asking for balances needs {error.name}: pip install 'xinshi[worker]'"
        raise Failure(line) from error


async def _ask_all(http: Any, settings: Settings, vendors: Mapping[str, Vendor]) -> list[Answer]:
    transport = http.Transport()
    transport.open()
    try:
        asked = (
            _ask(http, transport, vendor, settings.vendors[name].timeouts)
            for name, vendor in vendors.items()
        )
        return await asyncio.gather(*asked)
    finally:
        await transport.close()


async def _ask(http: Any, transport: Any, vendor: Vendor, timeouts: Timeouts) -> Answer:
    answer = Answer(vendor.name, vendor.adapter)
    try:
        call = vendor.balance()
        if call is None:
            return answer
        async with asyncio.timeout(timeouts.total + _SLACK):
            found = await transport.call(call, timeouts)
    except (http.NotSent, http.Lost) as error:  # their texts hold neither address nor secret
        return Answer(vendor.name, vendor.adapter, error=str(error))
    except TimeoutError:
        return Answer(vendor.name, vendor.adapter, error="no answer in time")
    except Exception as error:  # noqa: BLE001 - one broken adapter costs none of the others
        reason = f"the adapter failed ({type(error).__name__})"
        return Answer(vendor.name, vendor.adapter, error=reason)
    return Answer(vendor.name, vendor.adapter, found)


def _digits(amount: Decimal) -> str:
    return f"{amount:f}"


def _text(each: Answer) -> str:
    found = each.balance
    if found is None:
        return f"{each.adapter} has no call for it"
    return f"{_digits(found.amount)} {found.unit}{', postpaid' if found.postpaid else ''}"
