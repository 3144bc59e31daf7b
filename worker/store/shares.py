"""The acts on shares: which part of each account's rate and slots one of several shards may use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from worker.contract.status import Stream
from worker.store import scripts
from worker.store.acts import Act


@dataclass(frozen=True, slots=True)
class Load:
    """What one shard has to do for one account."""

    share: float | None  #: that is in force; None: none was granted yet
    ready: int  #: messages of its streams that could go
    open: int  #: attempts
    rate: float  #: submits a second, lately


@dataclass(frozen=True, slots=True)
class Needs:
    now: int  #: the shard's clock, ms
    version: int  #: of the shares in force
    loads: Mapping[str, Load]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a shard asks for. Parts of the whole, from 0 to 1."""

    name: str
    need: float
    least: float  #: what it keeps in any case
    share: float  #: that is in force
    used: float  #: of the slots, now


@dataclass(frozen=True, slots=True)
class Grant:
    version: int
    shares: Mapping[str, float]


def need(streams: Mapping[str, Sequence[Stream]]) -> Act[Needs]:
    """Ask a shard for its load; ``streams``: account -> what it carries."""

    def read(answer: list[Any]) -> Needs:
        now, version, packed = answer
        found = msgspec.msgpack.decode(packed, type=dict[str, tuple[Any, int, int, float]])
        loads = {
            name: Load(share or None, ready, opened, rate)
            for name, (share, ready, opened, rate) in found.items()
        }
        return Needs(now, version, loads)

    return Act(scripts.load("need"), (msgspec.msgpack.encode(streams),), read)


def grant(place: int, shards: int, version: int, wishes: Sequence[Wish]) -> Act[Grant]:
    """Ask the first shard for shares; ``version``: of those that are in force at the one asking."""
    rows = [(each.name, each.need, each.least, each.share, each.used) for each in wishes]

    def read(answer: list[Any]) -> Grant:
        shares = zip(wishes, answer[1:], strict=True)
        return Grant(answer[0], {wish.name: float(share) for wish, share in shares})

    args = (place, shards, version, msgspec.msgpack.encode(rows))
    return Act(scripts.load("grant"), args, read)


def keep(found: Grant, until: int) -> Act[bool]:
    """Let shares be in force until then, ms by the shard's clock; not those of an older grant."""
    flat: list[str | bytes | int] = [
        word for name, share in found.shares.items() for word in (name, f"{share:.6f}")
    ]
    args = [found.version, until, *flat]
    return Act(scripts.load("keep"), args, lambda answer: answer == 1)
