"""The sandbox's page: handsets, what arrived at them, and buttons for what may go wrong.

    GET /                     the page
    GET /_sandbox/page.json   what it shows: ?search= digits of a number, &number= the handset open

It changes nothing itself: its buttons call the control endpoints.
"""

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any

from aiohttp import web

from worker import pages
from worker.pages import serving
from worker.sandbox.dialect import Dialect
from worker.sandbox.exchange import json
from worker.sandbox.faults import InputError
from worker.sandbox.handsets import Answered, Entry
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.told import told

PREFIX = "/_sandbox"
HANDSETS, THREAD = 100, 100  #: shown at most
_LONGEST = 20  # of a search

#: path -> file and type; nothing else of the folder is served.
FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "/": ("page.html", "text/html"),
        f"{PREFIX}/page.css": ("page.css", "text/css"),
        f"{PREFIX}/page.js": ("page.js", "text/javascript"),
        f"{PREFIX}/views.js": ("views.js", "text/javascript"),
        f"{PREFIX}/words.js": ("words.js", "text/javascript"),
    }
)


class Front:
    """The handlers; each shows the sandbox it was made for."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._state = sandbox.state

    def routes(self) -> list[web.RouteDef]:
        return [
            *serving.routes("worker.sandbox", PREFIX, FILES),
            web.get(f"{PREFIX}/page.json", self.feed),
        ]

    async def feed(self, request: web.Request) -> web.StreamResponse:
        ledger, pusher = self._state.ledger, self._state.pusher
        return json(
            {
                "handsets": self._handsets(_digits(request, "search")),
                "thread": self._thread(request.query.get("number", "")),
                "totals": {
                    "handsets": len(ledger.numbers),
                    "taken": sum(ledger.vendors.values()),
                    "delivered": ledger.endings["delivered"],
                },
                "pushes": {"pending": pusher.pending, "lost": pusher.lost},
                "callback": self._sandbox.settings.callback,
                "faults": self._sandbox.faults.listed,
                "hear": self._listeners(),
            },
            headers={
                name: pages.HEADERS[name] for name in ("Cache-Control", "X-Content-Type-Options")
            },
        ).response()

    def _handsets(self, search: str) -> list[dict[str, Any]]:
        """Return the handsets whose number holds ``search``; who got something last comes first."""
        ledger = self._state.ledger
        newest = (entry for entry in reversed(ledger.latest.values()) if search in entry.number)
        return [
            {"count": ledger.numbers[entry.number], **entry._asdict()}
            for entry in islice(newest, HANDSETS)
        ]

    def _thread(self, number: str) -> list[dict[str, Any]]:
        """Return what one handset got and what it replied, oldest first."""
        if not number:
            return []
        got = self._state.ledger.thread(number, THREAD)
        reports = told(self._state, got)
        lines: list[tuple[Entry | Answered, dict[str, Any]]] = [
            (entry, {**entry._asdict(), "report": report})
            for entry, report in zip(got, reports, strict=True)
        ]
        lines += [(each, each._asdict()) for each in self._state.replies if each.number == number]
        return [line for _, line in sorted(lines, key=lambda pair: pair[0].time)]

    def _listeners(self) -> list[dict[str, str]]:
        """Return the accounts whose vendors pass replies on."""
        dialects = self._sandbox.dialects
        return [
            {"account": account.name, "vendor": account.vendor}
            for account in self._state.directory
            if type(dialects[account.vendor]).hear is not Dialect.hear
        ]


def _digits(request: web.Request, name: str) -> str:
    value = "".join(request.query.get(name, "").split())
    if value and not (value.isascii() and value.isdigit() and len(value) <= _LONGEST):
        raise InputError(name, f"must be at most {_LONGEST} digits")
    return value
