"""Conditions: how an account does, from what the store knows of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from producers.snapshot import moment
from producers.steps import clock, iso, plain
from worker.store.care import AccountState

State = Literal["ok", "left_alone", "probing", "slowed", "unknown"]
_GROWTH = 0.05  # of a limit, a second: as claim.lua lets it grow back


@dataclass(frozen=True, slots=True)
class Condition:
    """One account."""

    state: State = "unknown"  #: unknown: the store did not answer
    text: str = "unknown"  #: in plain words
    until: datetime | None = None  #: left alone until then
    reason: str = ""
    most_open: int | None = None  #: attempts that may be in flight while it is slowed
    open: int | None = None  #: attempts in flight
    most_batch: int | None = None  #: recipients of one call, while one with more was refused
    batch_until: datetime | None = None  #: for how long that holds
    drift: Mapping[str, int] = field(default_factory=dict)
    #: throttle code -> how often a number was throttled there that our windows let pass

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "state": self.state,
            "until": iso(self.until),
            "reason": self.reason,
            "most_open": self.most_open,
            "open": self.open,
            "most_batch": self.most_batch,
            "batch_until": iso(self.batch_until),
            "mirror_drift": dict(self.drift),
        }


def condition(found: AccountState, now: int, concurrency: int | None) -> Condition:
    """Judge an account; ``now`` in ms since 1970, ``concurrency``: what its settings allow."""
    why, most = plain(found.why), None
    until = moment(found.down) if found.down > now else None
    if until:
        state: State = "left_alone"
        text = f"left alone until {clock(found.down, now)}: {why}"
    elif found.probing:
        state, most = "probing", 1
        text = f"probing, one message at a time: {why}"
    elif (most := slowed(found, now, concurrency)) is not None:
        state, text, why = "slowed", f"slowed to {most} in flight", ""
    else:
        state, text, why = "ok", "ok", ""
    bounded = found.bounded > now
    return Condition(
        state,
        text,
        until,
        why,
        most_open=most,
        open=found.open,
        most_batch=found.bound if bounded else None,
        batch_until=moment(found.bounded) if bounded else None,
        drift=found.drift,
    )


def slowed(found: AccountState, now: int, concurrency: int | None) -> int | None:
    """Return what may be in flight where a complaint still slows it; it grows back by itself."""
    if not found.limit:
        return None
    grown = found.limit + (now - found.limited) / 1000 * max(1, found.limit * _GROWTH)
    before = min(concurrency or 2 * found.limit, 2 * found.limit)
    return max(1, int(grown)) if grown < before else None
