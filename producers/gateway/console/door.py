"""The door: signing in, and who passes.

    GET    /console/api/session   {"configured", "signed_in"} and, signed in, {"operator", "proof",
                                  "ends_at"}; asked by anybody
    POST   /console/api/session   {"key": the operator's API key}; sets the cookie
    PUT    /console/api/session   its owner is still there; a fresh cookie
    DELETE /console/api/session   signs out

Every other path wants the cookie. What changes something wants besides: an Origin that is ours, and
the proof in the header X-Console-Proof. The cookie is SameSite=Strict and out of scripts' reach.
"""

import math
from datetime import UTC, datetime

import structlog
from aiohttp import web

from producers.gateway import bodies, callers
from producers.gateway.console.sessions import Session, Sessions
from producers.gateway.console.tries import Tries
from producers.gateway.edge import Handler
from producers.gateway.gateway import CALLER, Gateway
from producers.gateway.problems import Problem
from producers.gateway.responses import answer
from worker.contract.errors import StoreError
from worker.contract.settings import ApiKey

log = structlog.get_logger("xinshi.console")

COOKIE, PATH = "xinshi_console", "/console"
PROOF = "X-Console-Proof"
SESSION = web.RequestKey("session", Session)  #: on requests that passed
_LARGEST = 4096  # bytes of a sign-in


class Door:
    """The door of one gateway."""

    def __init__(self, gateway: Gateway, sessions: Sessions | None = None) -> None:
        self._gateway = gateway
        self.sessions = sessions or Sessions(gateway.settings.gateway.api_keys)
        self._tries = Tries()

    def routes(self) -> list[web.RouteDef]:
        path = "/console/api/session"
        return [
            web.get(path, self.session),
            web.post(path, self.sign_in),
            web.put(path, self.changes(self.stay)),
            web.delete(path, self.changes(self.sign_out)),
        ]

    def reads(self, handler: Handler) -> Handler:
        """Let only those pass who are signed in; they hear which shard is away, and why."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            request[SESSION] = session = self._known(request)
            request[CALLER] = self._key(session)
            try:
                return await handler(request)
            except StoreError as error:
                raise Problem("store-unavailable", str(error)) from error

        return guarded

    def changes(self, handler: Handler) -> Handler:
        """... and of those only our own page."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            self._check_origin(request)
            given = request.headers.get(PROOF, "")
            if not self.sessions.proves(self._known(request), given):
                raise Problem("not-allowed", f"the header {PROOF} is not that of this session")
            return await self.reads(handler)(request)

        return guarded

    async def session(self, request: web.Request) -> web.Response:
        session = self._read(request)
        found: dict[str, object] = {"configured": bool(self.sessions), "signed_in": bool(session)}
        return answer(found | (self._about(session) if session else {}))

    async def sign_in(self, request: web.Request) -> web.Response:
        """Open a session for an operator's key; raise Problem."""
        self._check_origin(request)
        address = callers.address(request, self._gateway.settings.gateway.trusted_proxies)
        if wait := self._tries.wait(address):
            headers = {"Retry-After": str(math.ceil(wait))}
            raise Problem("too-many", "too many wrong keys; wait a minute", headers=headers)
        secret = _secret(bodies.decode(await bodies.read(request, _LARGEST)))
        key = self._gateway.keyring.operator(secret)
        if key is None:
            self._tries.fail(address)
            log.warning("console.refused", address=address)
            raise Problem("unauthorized", "it is no operator's key")
        self._tries.succeed(address)
        request[CALLER] = key
        log.info("console.signed_in", api_key=key.name, address=address)
        return self._opened(request, self.sessions.begin(key.name))

    async def stay(self, request: web.Request) -> web.Response:
        return self._opened(request, self.sessions.stay(request[SESSION]))

    async def sign_out(self, request: web.Request) -> web.Response:
        self.sessions.end(request[SESSION])
        log.info("console.signed_out", api_key=request[SESSION].operator)
        found = answer({"configured": True, "signed_in": False})
        found.del_cookie(COOKIE, path=PATH)
        return found

    def _opened(self, request: web.Request, session: Session) -> web.Response:
        found = answer({"configured": True, "signed_in": True, **self._about(session)})
        found.set_cookie(
            COOKIE,
            self.sessions.token(session),
            path=PATH,
            max_age=math.ceil(self.sessions.left(session)),
            httponly=True,
            samesite="Strict",
            # The browser itself says so, whatever the proxies between do to the request.
            secure=request.headers.get("Origin", "").lower().startswith("https:"),
        )
        return found

    def _about(self, session: Session) -> dict[str, object]:
        ends = datetime.fromtimestamp(session.ends, UTC).isoformat()
        proof = self.sessions.proof(session)
        return {"operator": session.operator, "proof": proof, "ends_at": ends}

    def _read(self, request: web.Request) -> Session | None:
        return self.sessions.read(request.cookies.get(COOKIE, ""))

    def _known(self, request: web.Request) -> Session:
        if session := self._read(request):
            return session
        raise Problem("unauthorized", "nobody is signed in here, or the session is over")

    def _key(self, session: Session) -> ApiKey:
        return self._gateway.settings.gateway.api_keys[session.operator]

    def _check_origin(self, request: web.Request) -> None:
        _, _, said = request.headers.get("Origin", "").lower().partition("://")
        trusted = self._gateway.settings.gateway.trusted_proxies
        if not said or said != callers.host(request, trusted):
            rule = "it comes from another page; a proxy in front must pass the Host header on"
            raise Problem("not-allowed", rule)


def _secret(body: object) -> str:
    found = body.get("key") if isinstance(body, dict) else None
    if not isinstance(found, str) or not found:
        raise Problem("invalid-parameter", "must be an operator's API key", field="key")
    return found
