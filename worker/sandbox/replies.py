"""Handsets that answer: inbound messages (MO), sent on to us as each vendor does."""

from typing import Any

import msgspec

from worker.sandbox.accounts import LOGIN, VendorAccount
from worker.sandbox.dialect import MOBILE, Heard
from worker.sandbox.faults import InputError
from worker.sandbox.handsets import Answered
from worker.sandbox.sandbox import Sandbox


class Reply(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a handset sends."""

    number: str
    text: str
    vendor: str
    extension: str = ""
    account: str = ""  #: empty: the vendor's latest configured one


def hear(sandbox: Sandbox, wanted: Any) -> int:
    """Pass on one reply or a list of them, and return how many."""
    several = isinstance(wanted, list)
    replies = msgspec.convert(wanted, list[Reply]) if several else [msgspec.convert(wanted, Reply)]
    now = sandbox.state.clock()
    together: dict[tuple[str, str], list[Heard]] = {}
    written: list[Answered] = []
    for index, one in enumerate(replies):
        account = _addressed(sandbox, one, f"[{index}]." if several else "")
        heard = Heard(one.number, one.text, one.extension)
        together.setdefault((account.vendor, account.name), []).append(heard)
        written.append(Answered(one.number, account.vendor, account.name, one.text, now))
    for (vendor, name), messages in together.items():
        account = next(a for a in sandbox.state.directory.at(vendor) if a.name == name)
        sandbox.dialects[vendor].hear(account, messages)
    sandbox.state.replies.extend(written)
    return len(replies)


def _addressed(sandbox: Sandbox, reply: Reply, place: str) -> VendorAccount:
    if not MOBILE.fullmatch(reply.number):
        raise InputError(f"{place}number", "must be eleven digits from 13 to 19")
    if reply.vendor not in LOGIN:
        raise InputError(f"{place}vendor", f"must be one of {', '.join(LOGIN)}")
    accounts = sandbox.state.directory.at(reply.vendor)
    named = [account for account in accounts if reply.account in ("", account.name)]
    if not named:
        raise InputError(f"{place}account", f"there is none of this name at {reply.vendor}")
    return named[0]
