"""Rows of a CSV file as messages: read as a stream, so that its size does not matter.

A column ``to`` (or number, phone, mobile) holds the recipient, columns named as the fields of a
message hold these, and every other column is a parameter of the template. An empty cell counts
as not given.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from producers.commands.failure import BAD_INPUT, Failure
from worker.contract import recipient
from worker.contract.errors import MessageError

FIELDS = (
    *("to", "text", "template", "signature", "stream", "account"),
    *("idempotency_key", "send_at", "validity", "tag"),
)
_RECIPIENTS = ("to", "number", "phone", "mobile")
_BOM = b"\xef\xbb\xbf"

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the command line says, for messages that do not say it themselves."""

    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    one_key_each: bool = True  #: several recipients share the key given, so each gets its own

    def fill(self, own: Mapping[str, str], params: Mapping[str, str]) -> Fields:
        """Return a message's fields, the missing ones taken from the command line."""
        found: Fields = dict(own)
        says = "text" in own or "template" in own
        for name, value in self.fields.items():
            if not (says and name in ("text", "template")):
                found.setdefault(name, value)
        if "template" in found or not says:
            params = {**self.params, **params}
        if params:
            found["params"] = dict(params)
        if "validity" in found:
            found["validity"] = plain_number(found["validity"])
        if self.one_key_each and "idempotency_key" not in own and "idempotency_key" in found:
            found["idempotency_key"] = key_for(found["idempotency_key"], found.get("to", ""))
        return found


def key_for(key: str, number: str) -> str:
    """Return the key of one recipient: the one given and the number in its one form."""
    try:
        return f"{key}:{recipient.parse(number)}"
    except MessageError:
        return key  # the number itself is refused later


def plain_number(text: str) -> float | str:
    """Return ``300`` as seconds; leave ``5m`` to the message."""
    try:
        return float(text)
    except ValueError:
        return text


class Rows:
    """The rows of one open file: iterate for each row's line and its fields or its error."""

    def __init__(self, file: BinaryIO, defaults: Defaults) -> None:
        """Read the header; raise Failure where there is no usable one."""
        self.consumed = 0  #: bytes, for the progress bar
        self._file = file
        self._defaults = defaults
        self._reader = csv.reader(self._lines(), strict=True)
        self._header = _header(self._next() or [])

    def __iter__(self) -> Iterator[tuple[int, Fields | MessageError]]:
        line = self._reader.line_num + 1
        while (cells := self._next()) is not None:
            if any(cell.strip() for cell in cells):
                yield line, self._row(cells)
            line = self._reader.line_num + 1

    def _row(self, cells: Sequence[str]) -> Fields | MessageError:
        own: dict[str, str] = {}
        params: dict[str, str] = {}
        for place, cell in enumerate(cells):
            if not cell.strip():
                continue
            if place >= len(self._header):
                return MessageError("row", f"has more cells than the header's {len(self._header)}")
            name = self._header[place]
            if not name:
                return MessageError(f"column {place + 1}", "has no name in the header")
            if name == "text":
                own[name] = cell
            else:
                (own if name in FIELDS else params)[name] = cell.strip()
        return self._defaults.fill(own, params)

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            raise Failure(f"line {self._reader.line_num}: {error}", BAD_INPUT) from error
        except OSError as error:
            raise Failure(f"the file cannot be read: {error.strerror}", BAD_INPUT) from error

    def _lines(self) -> Iterator[str]:
        for number, line in enumerate(self._file, 1):
            self.consumed += len(line)
            try:
                yield line.removeprefix(_BOM).decode() if number == 1 else line.decode()
            except UnicodeDecodeError as error:
                raise Failure(
                    f'line {number} is not UTF-8; Excel saves it as "CSV UTF-8"', BAD_INPUT
                ) from error


def _header(cells: Sequence[str]) -> list[str]:
    names = []
    for cell in cells:
        name = cell.strip()
        known = name.lower()
        if known in _RECIPIENTS:
            name = "to"
        elif known in FIELDS:
            name = known
        if name and name in names:
            raise Failure(f"the header names the column {name!r} twice", BAD_INPUT)
        names.append(name)
    if "to" not in names:
        raise Failure(
            "no usable header: the first line names the columns, one of them to, number, phone "
            "or mobile",
            BAD_INPUT,
        )
    return names
