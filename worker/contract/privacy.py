"""Privacy: what stands for numbers in the names of the store's keys, and the secrets for that.

Names of keys are seen by many: ``MONITOR``, the slow log, a dump's listing, metrics by prefix. So
no number is in one, but its alias. With ``number_key`` that says nothing to who
does not have the key. Without, it is a plain digest: it keeps numbers out of sight and out of a
search, but there are few enough numbers to try them all.
"""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from worker.contract.errors import SettingsError
from worker.contract.recipient import national
from worker.contract.tables import Table

_DIGEST = 12  # bytes, sixteen letters: two of a billion numbers share one once in 10^11 stores
_LEAST = 16  # characters of a key


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    number_key: str = field(default="", repr=False)  #: the secret of aliases; "": plain digests

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
    table.close()
    return PrivacySettings(number_key=key)
