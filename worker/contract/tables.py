"""Tables: one TOML table at a time, each key read once by its kind, the rest refused by name."""

import re
from collections.abc import Mapping
from typing import Any

from worker.contract.durations import Window, seconds
from worker.contract.errors import SettingsError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Table:
    """One TOML table: each key read once by its kind; what is left over is unknown."""

    def __init__(self, table: Mapping[str, Any], path: str) -> None:
        self._left = dict(table)
        self._path = path

    def key(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def pop(self, name: str) -> Any:
        return self._left.pop(name, None)

    def text(self, name: str, default: str) -> str:
        value = self.pop(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise SettingsError(self.key(name), "must be a string")
        return value

    def number(self, name: str, default: float | None) -> float | None:
        value = self.pop(name)
        if value is None:
            return default
        try:
            return seconds(float(value) if isinstance(value, str) else value)
        except ValueError as error:
            raise SettingsError(self.key(name), "must be a number above 0") from error

    def count(self, name: str, default: int | None, *, least: int = 1) -> int | None:
        value = self.pop(name)
        if value is None:
            return default
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise SettingsError(self.key(name), f"must be a whole number, at least {least}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.pop(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise SettingsError(self.key(name), "must be true or false")
        return value

    def duration(self, name: str, default: float) -> float:
        value = self.pop(name)
        if value is None:
            return default
        try:
            return seconds(value)
        except ValueError as error:
            raise SettingsError(self.key(name), str(error)) from error

    def is_empty(self, name: str) -> bool:
        """Return whether a key says "", and read it where it does."""
        return self._left.get(name) == "" and self.pop(name) == ""

    def interval(self, name: str, default: float) -> float:
        """Read a duration that may be "" or 0, which is never: 0.0."""
        if self._left.get(name) in ("", "0", "0s", 0) and self._left[name] is not False:
            self.pop(name)
            return 0.0
        return self.duration(name, default)

    def texts(self, name: str) -> list[str] | None:
        """Read a list of strings, None where it is not there."""
        value = self.pop(name)
        if value is not None and (
            not isinstance(value, list) or not all(isinstance(text, str) for text in value)
        ):
            raise SettingsError(self.key(name), "must be a list of strings")
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        return mapping(self._left.pop(name, {}), self.key(name))

    def table(self, name: str) -> "Table":
        return Table(self.mapping(name), self.key(name))

    def tables(self, name: str) -> dict[str, "Table"]:
        """Return the tables in a table of tables, by name."""
        return {
            each: Table(mapping(value, f"{self.key(name)}.{each}"), f"{self.key(name)}.{each}")
            for each, value in self.mapping(name).items()
        }

    def rest(self) -> dict[str, Any]:
        left, self._left = self._left, {}
        return left

    def close(self) -> None:
        for name in self._left:
            raise SettingsError(self.key(name), "unknown key")


def mapping(value: object, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(key, "must be a table")
    return value


def own_name(name: str, key: str, what: str) -> str:
    """Return a name that somebody chose; ``what``: of what it is the name."""
    if not _NAME.fullmatch(name):
        rule = f"{what}'s name is up to 32 of a-z, 0-9, _ and -, a letter first"
        raise SettingsError(key, rule)
    return name


def windows(table: Table, name: str) -> tuple[Window, ...] | None:
    """Return the windows of one key, None where it is not there."""
    value = table.pop(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise SettingsError(table.key(name), 'must be a list like ["1/60s", "15/day"]')
    try:
        return tuple(Window.parse(text) for text in value)
    except ValueError as error:
        raise SettingsError(table.key(name), str(error)) from error


def durations(table: Table, defaults: Any) -> Any:
    """Read a whole table of durations over a dataclass of defaults."""
    names = defaults.__dataclass_fields__
    values = {name: table.duration(name, getattr(defaults, name)) for name in names}
    table.close()
    return type(defaults)(**values)


def address(url: str, key: str, schemes: tuple[str, ...]) -> str:
    """Return an address that begins with one of the schemes."""
    scheme, separator, rest = url.partition("://")
    if scheme not in schemes or not separator or not rest:
        raise SettingsError(key, f"must be an address that begins with {', '.join(schemes)}://")
    return url
