"""Privacy: what stands for numbers in the names of the store's keys, and the secrets for that.

Names of keys are seen by many: ``MONITOR``, the slow log, a dump's listing, metrics by prefix. So
no number is in one, but its alias. With ``number_key`` that says nothing to who
does not have the key. Without, it is a plain digest: it keeps numbers out of sight and out of a
search, but there are few enough numbers to try them all.

With ``text_keys`` what messages and replies say is sealed (worker.store.sealing).
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from worker.contract.errors import SettingsError
from worker.contract.recipient import national
from worker.contract.tables import Table

_DIGEST = 12  # bytes, sixteen letters: two of a billion numbers share one once in 10^11 stores
_LEAST = 16  # characters of a key
_FERNET = re.compile(r"[A-Za-z0-9_-]{43}=")  # 32 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    number_key: str = field(default="", repr=False)  #: the secret of aliases; "": plain digests

    text_keys: tuple[str, ...] = field(default=(), repr=False)
    #: Fernet keys, the newest first: it seals, and all of them open; none: nothing is sealed

    @property
    def aliases(self) -> "Aliases":
        return Aliases(self.number_key)


class Aliases:
    """What stands for a number, and for an idempotency key, which often has one in it."""

    def __init__(self, key: str = "") -> None:
        # BLAKE2 with a key is a message authentication code, at a fifth of HMAC's time. A key that
        # everybody knows makes it a digest like any other.
        secret = hashlib.sha256(key.encode() or b"xinshi").digest()
        self._numbers, self._onces, self._prints = (
            hashlib.blake2b(digest_size=_DIGEST, key=secret, person=use)
            for use in (b"number", b"once", b"print")
        )

    def number(self, number: str) -> str:
        """Return a number's alias; it is E.164 or its eleven digits."""
        found = self._numbers.copy()
        found.update(national(number).encode())
        return urlsafe_b64encode(found.digest()).decode()

    def once(self, key: str) -> str:
        """Return what stands for an idempotency key; "" for none."""
        if not key:
            return ""
        found = self._onces.copy()
        found.update(key.encode(errors="surrogatepass"))
        return urlsafe_b64encode(found.digest()).decode()

    @property
    def print(self) -> str:
        """What tells one number_key from another, and not what it is."""
        return urlsafe_b64encode(self._prints.digest()).decode()


PLAIN = Aliases()  #: those of a store without a number_key


def parse(table: Table) -> PrivacySettings:
    """Read ``[privacy]``; raise SettingsError, which does not quote a secret."""
    key = table.text("number_key", "")
    if key and len(key) < _LEAST:
        raise SettingsError(table.key("number_key"), f"must have {_LEAST} characters and more")
    text_keys = _text_keys(table)
    table.close()
    return PrivacySettings(number_key=key, text_keys=text_keys)


def _text_keys(table: Table) -> tuple[str, ...]:
    """Read a list of Fernet keys; a variable has them in one text."""
    name = table.key("text_keys")
    said = table.pop("text_keys")
    found = said.replace(",", " ").split() if isinstance(said, str) else said or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise SettingsError(name, "must be a list of keys, or one text with commas between them")
    for place, each in enumerate(found, 1):
        if not _FERNET.fullmatch(each):
            raise SettingsError(name, f"number {place} is no key that xinshi keys new prints")
    if len(set(found)) != len(found):
        raise SettingsError(name, "names a key twice")
    return tuple(found)
