"""Shards: several Redis servers, each a whole cell of its own; where a number lives. Pure.

A number's home is the shard whose name scores highest with it (rendezvous hashing), so that one
more shard takes over its part of the numbers and no other number moves. What is stored of a
message stays where it was accepted: its id tells the shard, and who does not find it there asks
the others.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from worker.contract.errors import SettingsError
from worker.contract.recipient import national
from worker.contract.tables import address

URLS = "redis_urls"
VARIABLE, SERVED = "XINSHI_REDIS_URLS", "XINSHI_SHARD"
MOST = 32  #: shards: one character of an id tells which

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  #: of ids: ten characters of time, then chance
_LENGTH, _PLACE = 26, 10
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_NAMED = re.compile(r"([a-z0-9][a-z0-9_-]{0,31})=(.+)")
_NEXT = re.compile(r",\s*(?=(?:[a-z0-9][a-z0-9_-]*=)?[a-z]+://)")  # an address may hold commas


@dataclass(frozen=True, slots=True)
class Shard:
    """One server. Its name decides which numbers live there: a name is for ever."""

    name: str
    url: str = field(repr=False)


def split(text: str) -> list[str] | dict[str, str]:
    """Read ``redis://a,redis://b`` or ``one=redis://a,two=redis://b``; raise SettingsError."""
    parts = [each.strip() for each in _NEXT.split(text.strip())]
    named = [found for each in parts if (found := _NAMED.fullmatch(each))]
    if not named:
        return parts
    if len(named) != len(parts) or len({each[1] for each in named}) != len(parts):
        raise SettingsError(VARIABLE, "give each shard a name of its own, or none of them")
    return {each[1]: each[2] for each in named}


def parse(value: object, schemes: tuple[str, ...]) -> tuple[Shard, ...]:
    """Read ``redis_urls``: a list, or a table of names; nothing is none. Raise SettingsError."""
    if value is None:
        return ()
    if isinstance(value, list):
        value = {str(place): url for place, url in enumerate(value)}
    if not isinstance(value, Mapping) or not all(isinstance(url, str) for url in value.values()):
        rule = "must be a list of addresses, or a table of names and addresses"
        raise SettingsError(URLS, rule)
    if not 1 <= len(value) <= MOST:
        raise SettingsError(URLS, f"must name 1 to {MOST} servers")
    if len(set(value.values())) != len(value):
        raise SettingsError(URLS, "names a server twice")
    for name in value:
        if not _NAME.fullmatch(name):
            raise SettingsError(f"{URLS}.{name[:40]}", "a name is up to 32 of a-z, 0-9, _ and -")
    return tuple(Shard(name, address(url, URLS, schemes)) for name, url in value.items())


def served(said: str | None, shards: Sequence[Shard]) -> int | None:
    """Return which shard a worker serves, by the name or number said; None: nothing was said.

    Raises SettingsError.
    """
    if not said:
        return None
    names = [each.name for each in shards] or ["0"]
    if said in names:
        return names.index(said)
    if said.isascii() and said.isdecimal() and int(said) < len(names):
        return int(said)
    raise SettingsError(SERVED, f"unknown shard; there are {', '.join(names)}")


class Placing:
    """Where numbers and messages are, by the names of the shards in their order."""

    def __init__(self, names: Sequence[str]) -> None:
        self._many = len(names)
        self._hashes = [hashlib.blake2b(name.encode() + b":", digest_size=8) for name in names]

    def __len__(self) -> int:
        return self._many

    def of(self, number: str) -> int:
        """Return the shard where a number lives; ``number``: E.164 or its eleven digits."""
        if self._many == 1:
            return 0
        digits = national(number).encode()
        best, home = b"", 0
        for place, begun in enumerate(self._hashes):
            score = begun.copy()
            score.update(digits)
            if (found := score.digest()) > best:
                best, home = found, place
        return home

    def of_id(self, message_id: str) -> int | None:
        """Return the shard that an id tells, None where it tells none.

        One that was made before there were shards tells any: the message may be elsewhere.
        """
        if self._many == 1:
            return 0
        told = ALPHABET.find(message_id[_PLACE]) if len(message_id) == _LENGTH else -1
        return told if 0 <= told < self._many else None

    def order(self, message_id: str) -> Sequence[int]:
        """Return all shards, the one that an id tells first."""
        told = self.of_id(message_id) or 0
        return (told, *(place for place in range(self._many) if place != told))

    def marked(self, message_id: str, number: str) -> str:
        """Return a new message's id so that it tells the shard of its number."""
        return self.telling(message_id, self.of(number))

    def telling(self, message_id: str, shard: int) -> str:
        """Return an id so that it tells a shard; one of another form than ours stays as it is."""
        if self._many == 1 or len(message_id) != _LENGTH:
            return message_id
        return message_id[:_PLACE] + ALPHABET[shard] + message_id[_PLACE + 1 :]
