"""What tests ask of the sandbox itself, as JSON under ``/_sandbox``.

    GET    /_sandbox             what there is: vendors, accounts, settings, totals, fates
    POST   /_sandbox/reset       everything as at the start
    GET    /_sandbox/faults      the faults in force, with hits
    PUT    /_sandbox/faults      these instead: a fault, a list, or {"faults": [...]}
    POST   /_sandbox/faults      these besides
    DELETE /_sandbox/faults      none (or one: ?id=3); hanging requests are let go
    GET    /_sandbox/settings    and PUT: merged into what is set; {"balances": {account: n}} too
    GET    /_sandbox/ledger      what the vendors took: ?number= vendor= account= ending= limit=
    GET    /_sandbox/counts      totals, and how many each number got: ?numbers=0 leaves them out
    GET    /_sandbox/pushes      the callbacks, and how they were acknowledged: ?vendor= limit=
    GET    /_sandbox/pages       what polls were given, a page a poll: ?kind=report or inbound
    POST   /_sandbox/mo          a handset replies: {number, text, vendor, extension, account},
                                 or a list of them, which travel together where the vendor can

Input that makes no sense is answered 422 with {"field", "error"}.
"""

from dataclasses import asdict
from itertools import islice

import msgspec
from aiohttp import web

from worker.sandbox import fates, rules
from worker.sandbox.exchange import json
from worker.sandbox.faults import Fault, InputError
from worker.sandbox.inputs import body as read
from worker.sandbox.inputs import whole
from worker.sandbox.replies import hear
from worker.sandbox.sandbox import Sandbox

_LIMIT = 1000


class Control:
    """The handlers; each works on the sandbox it was made for."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._state = sandbox.state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_sandbox", self.overview),
            web.post("/_sandbox/reset", self.reset),
            web.get("/_sandbox/faults", self.faults),
            web.put("/_sandbox/faults", self.set_faults),
            web.post("/_sandbox/faults", self.set_faults),
            web.delete("/_sandbox/faults", self.delete_faults),
            web.get("/_sandbox/settings", self.settings),
            web.put("/_sandbox/settings", self.set_settings),
            web.get("/_sandbox/ledger", self.ledger),
            web.get("/_sandbox/counts", self.counts),
            web.get("/_sandbox/pushes", self.pushes),
            web.get("/_sandbox/pages", self.pages),
            web.post("/_sandbox/mo", self.reply),
        ]

    async def overview(self, _: web.Request) -> web.StreamResponse:
        dialects = self._sandbox.dialects
        totals = {**self._state.ledger.counts()}
        del totals["numbers"]
        return json(
            {
                "vendors": {name: list(found.paths) for name, found in dialects.items()},
                "accounts": self._accounts(),
                "requests": self._state.requests,
                "open": self._state.open,
                "totals": totals,
                "pushes": self._pushes(),
                "faults": self._sandbox.faults.listed,
                "settings": self._sandbox.settings,
                "fates": fates.table(),
            }
        ).response()

    def _accounts(self) -> list[dict[str, object]]:
        return [
            {
                "name": account.name,
                "vendor": account.vendor,
                "balance": account.balance,
                "reports": len(account.reports),
                "inbound": len(account.inbound),
            }
            for account in self._state.directory
        ]

    def _pushes(self) -> dict[str, int]:
        pusher = self._state.pusher
        return {
            "acked": pusher.acked,
            "lost": pusher.lost,
            "dropped": pusher.dropped,
            "pending": pusher.pending,
        }

    async def reset(self, _: web.Request) -> web.StreamResponse:
        self._sandbox.clear()
        return json({"reset": True}).response()

    async def faults(self, _: web.Request) -> web.StreamResponse:
        return json({"faults": self._sandbox.faults.listed}).response()

    async def set_faults(self, request: web.Request) -> web.StreamResponse:
        body = await read(request)
        wanted = body.get("faults", body) if isinstance(body, dict) else body
        if isinstance(wanted, dict):
            wanted = [wanted]
        added = msgspec.convert({"faults": wanted}, _Faults).faults
        for index, fault in enumerate(added):
            fault.check(f"faults[{index}]")
        if request.method == "PUT":
            self._sandbox.faults.clear()
        self._sandbox.faults.add(added)
        return await self.faults(request)

    async def delete_faults(self, request: web.Request) -> web.StreamResponse:
        identifier = whole(request, "id", 0)
        if not identifier:
            self._sandbox.faults.clear()
        elif not self._sandbox.faults.remove(identifier):
            raise InputError("id", f"there is no fault {identifier}")
        self._sandbox.release()
        return await self.faults(request)

    async def settings(self, _: web.Request) -> web.StreamResponse:
        settings = msgspec.to_builtins(self._sandbox.settings)
        balances = {account.name: account.balance for account in self._state.directory}
        return json({**settings, "balances": balances}).response()

    async def set_settings(self, request: web.Request) -> web.StreamResponse:
        body = await read(request)
        if not isinstance(body, dict):
            raise InputError("body", "must be an object")
        balances = msgspec.convert({"balances": body.pop("balances", {})}, _Balances).balances
        for name in balances:
            if self._state.directory.named(name) is None:
                raise InputError(f"balances.{name}", "there is no such account")
        rules.change(self._sandbox.settings, body)
        for account in self._state.directory:
            account.balance = balances.get(account.name, account.balance)
        return await self.settings(request)

    async def ledger(self, request: web.Request) -> web.StreamResponse:
        names = ("number", "vendor", "account", "ending", "text", "vendor_id", "message_id")
        found = self._state.ledger.find(**{name: request.query.get(name, "") for name in names})
        limit = whole(request, "limit", 0)
        shown = found[-limit:] if limit else found
        entries = [entry._asdict() for entry in shown]
        return json({"total": len(found), "messages": entries}).response()

    async def counts(self, request: web.Request) -> web.StreamResponse:
        counts = self._state.ledger.counts()
        if request.query.get("numbers") == "0":
            del counts["numbers"]
        return json({**counts, "requests": self._state.requests}).response()

    async def pushes(self, request: web.Request) -> web.StreamResponse:
        vendor = request.query.get("vendor", "")
        newest = (push for push in reversed(self._state.pusher.ledger) if push.vendor == vendor)
        listed = newest if vendor else reversed(self._state.pusher.ledger)
        shown = [asdict(push) for push in islice(listed, whole(request, "limit", _LIMIT))]
        return json({**self._pushes(), "pushes": shown[::-1]}).response()

    async def pages(self, request: web.Request) -> web.StreamResponse:
        kind = request.query.get("kind", "")
        found = [page._asdict() for page in self._state.pages if kind in ("", page.kind)]
        return json({"pages": found}).response()

    async def reply(self, request: web.Request) -> web.StreamResponse:
        heard = hear(self._sandbox, await read(request))
        return json({"heard": heard}, 202).response()


class _Faults(msgspec.Struct):
    faults: list[Fault]


class _Balances(msgspec.Struct):
    balances: dict[str, int]
