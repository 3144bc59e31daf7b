"""Variables: what the environment says, outright or, with _FILE behind the name, in a file.

Container platforms hand secrets over as files. ``XINSHI_REDIS_URL_FILE=/run/secrets/redis_url``
says what ``XINSHI_REDIS_URL`` would, and so for every variable that the settings read.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from worker.contract.errors import SettingsError

FILE = "_FILE"
_MOST = 65536  # bytes: a certificate would fit; what is larger is no secret but a mistake


def value(environment: Mapping[str, str], name: str) -> str | None:
    """Return what a variable says, None where neither form of it is set; raise SettingsError.

    An empty one counts as not set: platforms pass on what nobody gave them.
    """
    said, path = environment.get(name), environment.get(name + FILE)
    if not path:
        return said
    if said:
        raise _twice(name)
    return _read(name + FILE, path)


def beginning(environment: Mapping[str, str], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield name (without _FILE) and value of all that begin so; raise SettingsError.

    What follows the prefix may be in any case: names that differ in nothing else are the same.
    """
    seen: dict[str, str] = {}
    for name, said in environment.items():
        if not name.startswith(prefix):
            continue
        filed = name.upper().endswith(FILE)
        bare = name[: -len(FILE)] if filed else name
        if seen.setdefault(bare.upper(), name) != name:
            raise _twice(bare)
        yield bare, _read(name, said) if filed else said


def _twice(name: str) -> SettingsError:
    return SettingsError(name, f"set more than once; set it, or {name}{FILE}, but once")


def _read(name: str, path: str) -> str:
    """Return what a file says without the line's end that editors and echo put behind it."""
    if not path.startswith("/"):  # and it is not quoted: it may be the secret itself
        raise SettingsError(name, "must be the absolute path of a file")
    try:
        with Path(path).open("rb") as file:
            found = file.read(_MOST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or "not a path"
        raise SettingsError(name, f"{path!r} cannot be read: {why}") from error
    if len(found) > _MOST:
        raise SettingsError(name, f"{path!r} is larger than {_MOST} bytes")
    try:
        text = found.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        # Without the cause: its text quotes the bytes.
        raise SettingsError(name, f"{path!r} is no text in UTF-8") from None
    if not text:
        raise SettingsError(name, f"{path!r} is empty")
    return text
