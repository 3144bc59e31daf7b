"""The Lua scripts: one act a file, loaded once, sent by their digest.

A file's header says what it does, ``uses:`` names the parts (``_*.lua``) it shares with others,
``ARGV[n]`` its arguments; a part may use others. Names of keys, fields of a record and the table of
statuses are generated from the contract, so that no script can disagree with it.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from worker.contract import happenings, jobs, keys
from worker.contract.record import Record
from worker.contract.status import FOLLOWS

_USES = re.compile(r"^-- uses: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    source: str
    digest: str  #: SHA-1 of the source, as EVALSHA wants it


@cache
def load(name: str) -> Script:
    """Return the act with its parts and names in front."""
    source = "\n".join([_names(), *_with_parts(name).values()])
    return Script(name, source, hashlib.sha1(source.encode()).hexdigest())  # noqa: S324 - not security


def _with_parts(name: str) -> dict[str, str]:
    """Return the parts that a file uses, those that they use before them, and the file itself."""
    body, found = _read(name), {}
    used = _USES.search(body)
    for part in used[1].split() if used else ():
        found.update(_with_parts(f"_{part}"))
    return {**found, name: body}


def _read(name: str) -> str:
    return files("worker.store").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")


@cache
def _names() -> str:
    constants = {
        name: value
        for name, value in vars(keys).items()
        if name.isupper() and isinstance(value, str) and name != "PREFIX"
    } | {"QUEUE": jobs.queue("")}
    lines = [f"local {name} = '{value}'" for name, value in constants.items()]
    fields = Record.__struct_fields__
    numbers = ", ".join(str(number) for number in range(1, len(fields) + 1))
    lines.append(f"local {', '.join(name.upper() for name in fields)} = {numbers}")
    follows = ", ".join(
        f"{status} = {{{', '.join(f'{after} = true' for after in sorted(allowed))}}}"
        for status, allowed in sorted(FOLLOWS.items())  # sets have another order in each process
    )
    lines += [f"local FOLLOWS = {{{follows}}}", f"local KEPT = {happenings.KEPT}"]
    return "\n".join(lines)
