"""The acts that look after accounts and troubled messages: breakers, unknowns, dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from worker.contract import jobs, record
from worker.contract.record import Record
from worker.store import scripts
from worker.store.acts import Act, messages

_RING = jobs.envelope()
_CODE = 64  # characters kept of a vendor's code


@dataclass(frozen=True, slots=True)
class AccountState:
    """How an account does, as all processes know it. Times in ms since 1970."""

    name: str
    open: int  #: attempts open now
    down: int = 0  #: until when it is left alone; 0: it is not
    probing: bool = False  #: the next message is a probe
    why: str = ""
    strikes: int = 0  #: probes that failed, one after the other
    limit: int = 0  #: attempts in flight that its last complaint left; 0: none
    drift: dict[str, int] = field(default_factory=dict)
    #: throttle code -> how often a number was throttled there that our windows let pass
    drifted: int = 0  #: when that happened last
    limited: int = 0  #: when ``limit`` was set: it grows back from then on
    suspended: str = ""  #: "code\nwhy" of the vendor, where it says that the account is unusable
    bound: int = 0  #: recipients of one call, since one with more was refused; 0: it never was
    bounded: int = 0  #: until when that holds


@dataclass(frozen=True, slots=True)
class States:
    now: int  #: Redis's clock
    accounts: list[AccountState]


def trip(
    account: str,
    seconds: float,
    most: float,
    why: str,
    *,
    began: int | None = None,
    only_probe: bool = False,
    code: str | None = None,
) -> Act[int]:
    """Leave an account alone for a while; returns until when, 0 where nothing changed.

    ``began``: when the attempt was opened that tells so, ms since 1970, None for now;
    ``only_probe``: only where that was a probe, which failed; ``code``: the vendor's own word,
    where it says that the account is unusable, which becomes an event; None where it failed.
    """
    when = "" if began is None else str(began)
    spans = int(seconds * 1000), int(most * 1000)
    said = int(code is not None), (code or "")[:_CODE]
    args = (account, *spans, why, when, int(only_probe), *said)
    return Act(scripts.load("trip"), args, int)


def mend(account: str, *, believed: int) -> Act[bool]:
    """Let the next message be the probe of an account whose balance says that it is well.

    ``believed``: how often that counts before the account has taken a message.
    """
    return Act(scripts.load("mend"), (account, believed), lambda answer: answer == 1)


def slow(account: str, began: int) -> Act[int]:
    """Halve what may be in flight at an account; returns the limit, 0 where it was just halved.

    ``began``: when the attempt was opened that it complained about, ms since 1970.
    """
    return Act(scripts.load("slow"), (account, began), int)


def bound(account: str, most: int, seconds: float) -> Act[int]:
    """Bound the recipients of one call of an account for a while; returns what holds now."""
    return Act(scripts.load("bound"), (account, most, int(seconds * 1000)), int)


def states(accounts: Sequence[str]) -> Act[States]:
    """Read how accounts do."""

    def read(answer: list[Any]) -> States:
        rows = zip(accounts, answer[1::2], answer[2::2], strict=True)
        return States(answer[0], [_state(name, flat, count) for name, flat, count in rows])

    return Act(scripts.load("states"), tuple(accounts), read)


def _state(name: str, flat: list[bytes], count: int) -> AccountState:
    pairs = zip(flat[::2], flat[1::2], strict=True)
    found = {key.decode(): value.decode() for key, value in pairs}
    return AccountState(
        name,
        count,
        down=int(found.get("down", 0)),
        probing="half" in found,
        why=found.get("why", ""),
        strikes=int(found.get("strikes", 0)),
        limit=int(found.get("limit", 0)),
        drift={
            key.removeprefix("drift:"): int(value)
            for key, value in found.items()
            if key.startswith("drift:")
        },
        drifted=int(found.get("drifted", 0)),
        limited=int(found.get("limited", 0)),
        suspended=found.get("suspended", ""),
        bound=int(found.get("bound", 0)),
        bounded=int(found.get("bounded", 0)),
    )


@dataclass(frozen=True, slots=True)
class Unknowns:
    now: int
    messages: list[tuple[str, Record]]


def unknowns(most: int, lease: float, *, prompt: float = 0.0) -> Act[Unknowns]:
    """Take unknown messages that are to be looked at now; ``lease`` in seconds, ``prompt`` as in
    worker.store.arrivals.report."""
    return Act(
        scripts.load("unknowns"),
        (most, int(lease * 1000), int(prompt * 1000)),
        lambda answer: Unknowns(answer[0], messages(answer[1:])),
    )


def look(message_id: str, attempt: int, seconds: float | None, note: str) -> Act[bool]:
    """Look at an unknown message again after ``seconds``; None: it stays unknown."""
    wait = "" if seconds is None else str(int(seconds * 1000))
    return Act(scripts.load("look"), (message_id, attempt, wait, note), lambda found: found == 1)


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """One page of them."""

    now: int  #: Redis's clock; the next pages go no further, so that nothing comes twice
    last: bool  #: no page follows
    messages: list[tuple[str, Record]]


def dead(
    since: int, offset: int = 0, most: int = 500, *, until: int | None = None
) -> Act[DeadLetters]:
    """Read a page of dead letters, the newest first; ``since`` and ``until`` in ms since 1970."""
    return Act(
        scripts.load("dead"),
        (since, "+inf" if until is None else until, offset, most),
        lambda answer: DeadLetters(answer[0], answer[1] == 1, messages(answer[2:])),
    )


def replay(message_id: str, new_id: str, *, validity: float, retention: float) -> Act[bool]:
    """Send a dead letter again as a new message; times in seconds."""
    args = (_RING, message_id, new_id, int(validity * 1000), int(retention * 1000))
    return Act(scripts.load("replay"), args, bool, durable=True)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """A message and what else is known of it. Times in ms since 1970."""

    now: int  #: Redis's clock
    record: Record
    look: int = 0  #: when it is looked at as unknown; 0: never again
    dead: bool = False  #: it is a dead letter
    down: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: the accounts that are left alone: until when, and why


def explain(message_id: str, accounts: Sequence[str]) -> Act[Circumstances | None]:
    """Read what it takes to explain one message; None: no such message."""

    def read(answer: list[Any]) -> Circumstances | None:
        if not answer:
            return None
        now, packed, look, is_dead, *rest = answer
        rows = zip(accounts, rest[::2], rest[1::2], strict=True)
        down = {name: (until, why.decode()) for name, until, why in rows if until > now}
        return Circumstances(now, record.decode(packed), look, is_dead == 1, down)

    return Act(scripts.load("explain"), (message_id, *accounts), read)
