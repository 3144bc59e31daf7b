"""The locks as data: what is pinned, by which version and hashes, and what a pin was asked for."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = (ROOT / "deploy" / "requirements.lock", ROOT / "deploy" / "build.lock")
#: What the image is for; it starts no server of its own.
EXTRAS = ("worker", "gateway", "flower", "crypto")

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")


class LockError(Exception):
    """A line of a lock is not what it must be."""


@dataclass(frozen=True)
class Pin:
    """One line of a lock."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        return specifier.version


def pins(text: str) -> Iterator[Pin]:
    """Read a lock; raise LockError at a line that is no exact version with hashes."""
    plain = re.sub(r"^ *#.*$\n?", "", text, flags=re.MULTILINE)
    for line in re.sub(r" *\\\n *", " ", plain).splitlines():
        if not line.strip():
            continue
        if line.startswith("-"):
            raise LockError(f"an option, and not a version: {line.split()[0]}")
        said = line.partition(" --hash")[0].strip()
        requirement = Requirement(said)
        exact = [each.operator for each in requirement.specifier] == ["=="]
        if requirement.url or not exact or "*" in str(requirement.specifier):
            raise LockError(f"no exact version: {said}")
        hashes = frozenset(_HASH.findall(line))
        if not hashes or len(hashes) != line.count("--hash="):
            raise LockError(f"no SHA-256: {said}")
        yield Pin(requirement, hashes)


def project() -> dict[str, Any]:
    """pyproject.toml, as a table."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def wanted(extras: Iterable[str] = EXTRAS) -> list[Requirement]:
    """What the project asks for by itself with some extras."""
    table = project()["project"]
    texts = [*table["dependencies"]]
    for extra in extras:
        texts += table["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]
