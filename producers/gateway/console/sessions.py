"""Sessions: who is signed in to the console. Nothing is stored: a signed token says it all.

So a session is known to every gateway behind one proxy, outlives a restart, and ends where its
operator's key is changed or taken out of the settings. A token names the operator, a random id,
when it was begun and when its owner did something last; the page asks for a fresh one about once a
minute while somebody is there. What is signed out is remembered by the process that heard of it.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from worker.contract.gateway import Role
from worker.contract.settings import ApiKey

LONGEST = 8 * 3600  #: seconds that a session lasts at the most
IDLE = 30 * 60  #: seconds without a sign of its owner after which it ends

_LONG = 300  # characters of a token, more than any of ours has
_PARTS = 5
_CONTEXT = b"xinshi console 1"


@dataclass(frozen=True, slots=True)
class Session:
    """One person, signed in. Times in seconds since 1970."""

    operator: str  #: the name of the key
    id: str
    begun: int
    seen: int  #: when its owner did something last

    @property
    def ends(self) -> int:
        """When it is over, if nothing is heard of its owner."""
        return min(self.begun + LONGEST, self.seen + IDLE)


class Sessions:
    """The sessions of the operators among some keys."""

    def __init__(self, keys: Mapping[str, ApiKey], clock: Callable[[], float] = time.time) -> None:
        self._keys = {
            each.name: hmac.digest(each.key.encode(), _CONTEXT, hashlib.sha256)
            for each in keys.values()
            if each.role is Role.OPERATOR
        }
        self._clock = clock
        self._ended: dict[str, int] = {}  # id -> when its tokens are worth nothing anyway

    def __bool__(self) -> bool:
        """Return whether anybody could sign in."""
        return bool(self._keys)

    def begin(self, operator: str) -> Session:
        now = int(self._clock())
        return Session(operator, secrets.token_urlsafe(18), now, now)

    def stay(self, session: Session) -> Session:
        """Return the session with a sign of its owner just now."""
        return replace(session, seen=int(self._clock()))

    def end(self, session: Session) -> None:
        now = int(self._clock())
        self._ended = {one: at for one, at in self._ended.items() if at > now}
        self._ended[session.id] = session.begun + LONGEST

    def left(self, session: Session) -> float:
        """Return the seconds until it ends; 0 or less: it is over."""
        over = session.id in self._ended or session.begun > self._clock() + IDLE
        return 0.0 if over else session.ends - self._clock()

    def token(self, session: Session) -> str:
        """Return what its owner's browser keeps."""
        said = f"{session.operator}~{session.id}~{session.begun}~{session.seen}"
        return f"{said}~{self._sign(session.operator, 'token', said)}"

    def read(self, token: str) -> Session | None:
        """Return the session that a token is about; None where it is forged, old or ended."""
        said, _, signature = token.rpartition("~")
        parts = said.split("~")
        if len(token) > _LONG or len(parts) != _PARTS - 1 or parts[0] not in self._keys:
            return None
        if not _same(self._sign(parts[0], "token", said), signature):
            return None
        session = Session(parts[0], parts[1], int(parts[2]), int(parts[3]))
        return session if self.left(session) > 0 else None

    def proof(self, session: Session) -> str:
        """Return what a request that changes something must carry: no other page can read it."""
        return self._sign(session.operator, "proof", session.id)

    def proves(self, session: Session, given: str) -> bool:
        return _same(self.proof(session), given)

    def _sign(self, operator: str, purpose: str, said: str) -> str:
        text = f"{purpose} {said}".encode(errors="surrogateescape")
        return hmac.new(self._keys[operator], text, hashlib.sha256).hexdigest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode(errors="surrogateescape"))
