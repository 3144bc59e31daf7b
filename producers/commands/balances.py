"""``xinshi balances``: what each account has left, asked at the vendors now or as it is stored."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import rich_click as click

from producers import funds
from producers.commands.access import Access
from producers.commands.backlog import age
from producers.commands.extras import load
from producers.commands.failure import FAILED, WORKED, complain
from producers.commands.output import json_option, put_columns, put_json
from producers.commands.pages import Command
from producers.funds import Funds
from worker import vendors as adapters
from worker.contract.errors import StoreError
from worker.contract.settings import Settings, Timeouts
from worker.store import balances as kept
from worker.store.balances import Stored
from worker.vendors.base import Vendor

_SLACK = 1.0  # seconds above an account's own time-out


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one account, and what went wrong when it was asked."""

    name: str
    adapter: str
    funds: Funds
    can: bool  #: be asked
    asked: bool = False  #: just now, with success or without
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "name": self.name,
            "adapter": self.adapter,
            **self.funds.to_dict(),
            "asked": self.asked,
            "error": self.error or None,
        }


@click.command(
    cls=Command,
    examples=(
        "xinshi balances",
        "xinshi balances --stored --json",
    ),
    codes="0 every account that can be asked has answered; 1 one has not; 2 the settings are wrong",
)
@click.option("--stored", is_flag=True, help="Show what the workers found last; ask nobody.")
@json_option
@click.pass_obj
def balances(access: Access, *, stored: bool, as_json: bool) -> int:
    """Ask every vendor account what it has left, and say how long that lasts.

    All are asked at once, each within its own time-out. Needs the worker's packages, but not with
    --stored.
    """
    settings = access.settings()
    vendors = adapters.load_all(settings)
    if not vendors:
        where = settings.path or "there is no xinshi.toml"
        click.echo(f"no accounts in the settings ({where})", err=True)
        return WORKED
    if stored:
        known = _read(access, settings)
        answers = [_answer(vendor, known[name]) for name, vendor in vendors.items()]
    else:
        http = transport()
        answers = ask(http, settings, vendors, _known(access, settings))
    _show(answers, as_json=as_json)
    for each in answers:
        if each.error:
            complain(f"{each.name}: {each.error}")
    return FAILED if any(each.error for each in answers) else WORKED


def ask(
    http: Any, settings: Settings, vendors: Mapping[str, Vendor], known: Mapping[str, Stored]
) -> list[Answer]:
    """Ask every account what it has left; ``http``: what ``transport`` returns."""
    return asyncio.run(_ask_all(http, settings, vendors, known))


def _answer(vendor: Vendor, stored: Stored) -> Answer:
    """Return what is stored of an account that was not asked."""
    can = vendor.balance() is not None
    return Answer(vendor.name, vendor.adapter, funds.known(stored), can)


def _read(access: Access, settings: Settings) -> dict[str, Stored]:
    """Return what the store knows; raise StoreError."""
    with closing(access.store(settings)) as store:
        found = store.run(kept.read(list(settings.vendors)))
    return {each.account: each for each in found.accounts}


def _known(access: Access, settings: Settings) -> dict[str, Stored]:
    """Return what the store knows; where it does not answer, say so once."""
    try:
        return _read(access, settings)
    except StoreError as error:
        complain(f"how long they last is unknown: {error}")
        return {name: Stored(name) for name in settings.vendors}


def _show(answers: Iterable[Answer], *, as_json: bool) -> None:
    if as_json:
        for each in answers:
            put_json(each.to_dict())
        return
    now = time.time() * 1000
    put_columns(
        [(each.name, *_cells(each, now)) for each in answers if each.funds.text or not each.error]
    )


def _cells(each: Answer, now: float) -> tuple[str, ...]:
    found = each.funds
    if not found.text:
        why = "nothing is stored" if each.can else f"{each.adapter} has no call for it"
        return why, "", "", ""
    seen = found.stored_at or found.at * found.hint
    stored = f"stored {age((now - seen) / 1000)} ago" if seen else ""
    return found.text, found.lasts, found.pace, stored


def transport() -> Any:
    """Return the worker's transport; raise Failure where its packages are not installed."""
    return load("worker.transport", "asking for balances", "worker")


async def _ask_all(
    http: Any, settings: Settings, vendors: Mapping[str, Vendor], known: Mapping[str, Stored]
) -> list[Answer]:
    calls = http.Transport()
    calls.open()
    try:
        asked = (
            _ask(http, calls, vendor, settings.vendors[name].timeouts, known[name])
            for name, vendor in vendors.items()
        )
        return await asyncio.gather(*asked)
    finally:
        await calls.close()


async def _ask(http: Any, calls: Any, vendor: Vendor, timeouts: Timeouts, stored: Stored) -> Answer:
    answer = Answer(vendor.name, vendor.adapter, funds.known(stored), can=True, asked=True)
    try:
        call = vendor.balance()
        if call is None:
            return replace(answer, can=False, asked=False)
        async with asyncio.timeout(timeouts.total + _SLACK):
            found = await calls.call(call, timeouts)
    except (http.NotSent, http.Lost) as error:  # their texts hold neither address nor secret
        return replace(answer, error=str(error))
    except TimeoutError:
        return replace(answer, error="no answer in time")
    except Exception as error:  # noqa: BLE001 - one broken adapter costs none of the others
        return replace(answer, error=f"the adapter failed ({type(error).__name__})")
    return replace(answer, funds=funds.asked(stored, found, int(time.time() * 1000)))
