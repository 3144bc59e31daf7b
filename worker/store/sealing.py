"""Sealing: texts encrypted before they go to Redis, and opened by who needs them.

Fernet (AES-128 in CBC mode with an HMAC) by the ``cryptography`` package, which is loaded only
where there are keys. What is sealed begins with a mark that nothing plain begins with: JSON begins
with a brace, the name of a shared text with "=", a packed page with the head of an array.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import NamedTuple

from worker.contract.errors import SealError, SettingsError

_MARK = "~"
_BYTES_MARK = _MARK.encode()
_DIGEST = 12  # bytes of what stands for a text


class _Cipher(NamedTuple):
    """What the keys can do. What opens raises ``invalid``."""

    seal: Callable[[bytes], bytes]  #: by the newest key
    open: Callable[[bytes], bytes]  #: by any of them
    open_newest: Callable[[bytes], bytes]
    invalid: type[Exception]


class Seal:
    """Seals with the newest key and opens with each; without keys everything stays as it is."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        """``keys``: Fernet keys, the newest first. Raises SettingsError without the package."""
        self._cipher = _cipher(keys) if keys else None
        secret = hashlib.sha256(keys[0].encode()).digest() if keys else b""
        self._names = hashlib.blake2b(digest_size=_DIGEST, key=secret)
        self._last = ("", "")  # a campaign's text comes many times in a row: sealed, plain

    def __bool__(self) -> bool:
        """Return whether it seals."""
        return self._cipher is not None

    def name(self, text: bytes) -> str:
        """Return what stands for a text in the name of a key: with keys, it proves no guess."""
        found = self._names.copy()
        found.update(text)
        return urlsafe_b64encode(found.digest()).decode()

    def seal(self, text: str) -> str:
        """Return a text as it is to be stored."""
        return self.seal_bytes(text.encode()).decode() if self._cipher else text

    def open(self, text: str) -> str:
        """Return what was sealed; what is plain stays as it is. Raises SealError."""
        if not text.startswith(_MARK):
            return text
        last, plain = self._last
        if text != last:
            plain = self.open_bytes(text.encode()).decode()
            self._last = (text, plain)
        return plain

    def seal_bytes(self, content: bytes) -> bytes:
        """Return bytes as they are to be stored."""
        return _BYTES_MARK + self._cipher.seal(content) if self._cipher else content

    def open_bytes(self, content: bytes) -> bytes:
        """Return bytes that were sealed, or plain ones as they are; raise SealError."""
        if not content.startswith(_BYTES_MARK):
            return content
        if self._cipher is None:
            raise SealError
        try:
            return self._cipher.open(content[len(_BYTES_MARK) :])
        except self._cipher.invalid as error:
            raise SealError from error

    def stale(self, text: str) -> bool:
        """Return whether a text would be sealed otherwise today: plain, or by an older key."""
        return self.stale_bytes(text.encode())

    def stale_bytes(self, content: bytes) -> bool:
        """Return the same for bytes; nothing at all is never stale."""
        if self._cipher is None or not content:
            return False
        if not content.startswith(_BYTES_MARK):
            return True
        try:
            self._cipher.open_newest(content[len(_BYTES_MARK) :])
        except self._cipher.invalid:
            return True
        return False


def _cipher(keys: Sequence[str]) -> _Cipher:
    try:
        from cryptography.fernet import (  # noqa: PLC0415 - optional, and slow to load
            Fernet,
            InvalidToken,
            MultiFernet,
        )
    except ImportError as error:
        rule = "needs the package cryptography: pip install 'xinshi[crypto]'"
        raise SettingsError("privacy.text_keys", rule) from error
    each = [Fernet(key) for key in keys]
    every = MultiFernet(each)
    return _Cipher(each[0].encrypt, every.decrypt, each[0].decrypt, InvalidToken)


UNSEALED = Seal()  #: that of a store without text_keys
