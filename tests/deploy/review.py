"""Review what the image installs: exact pins with hashes, licences that we accept, and on demand
what is known to be vulnerable.

    python -m tests.deploy.review                        pins and licences: offline, for every CI run
    python -m tests.deploy.review --audit .venv/tools/bin/pip-audit     and the advisories

A vulnerability that was found since a commit fails ``make audit``, and not the build of that commit.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tests.deploy.locks import LOCKS, LockError, Pin, pins, project

#: Licences that ask for no more than a notice. MPL and the GPLs would be a question for people.
ACCEPTED = {
    *("MIT", "MIT-0", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD"),
    *("Apache-2.0", "PSF-2.0", "Python-2.0", "Unlicense", "CC0-1.0"),
}
#: How classifiers and the old licence field spell them.
_SPELT = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "New BSD": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "Python Software Foundation License": "PSF-2.0",
}
_PATIENCE = 300.0  # seconds for pip-audit


def licences(info: Any) -> list[str]:
    """Return what a distribution says of its licence: an expression, or the words of older forms.

    ``info``: its metadata, an email.message.Message at heart.
    """
    if expression := info.get("License-Expression"):
        return [str(expression)]
    classifiers = [str(each) for each in info.get_all("Classifier") or []]
    spoken = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    if not spoken:
        spoken = [str(info.get("License") or "").strip().partition("\n")[0].strip()]
    return [_SPELT.get(each, each) for each in spoken if each]


def acceptable(expression: str) -> bool:
    """Return whether an SPDX expression is: each part of an AND, some part of an OR."""
    alternatives = re.split(r"\bOR\b", expression.replace("(", "").replace(")", ""))
    return any(
        all(part.strip() in ACCEPTED for part in re.split(r"\bAND\b", alternative))
        for alternative in alternatives
    )


def installable(pin: Pin) -> bool:
    """Return whether a pin is for machines like this one."""
    marker = pin.requirement.marker
    return marker is None or marker.evaluate({"extra": ""})


def unaccepted(locked: Sequence[Pin]) -> Iterator[str]:
    """Yield a line for each pin whose licence is none of ours, as its installed files tell."""
    for pin in locked:
        if not installable(pin):
            continue
        try:
            said = licences(metadata.metadata(pin.name))
        except metadata.PackageNotFoundError:
            yield f"{pin.name}: not installed here, so its licence is not known"
            continue
        if not said or not all(acceptable(each) for each in said):
            yield f"{pin.name}: licence {', '.join(said) or 'not said'}"


def audited(tool: str, lock: Path) -> tuple[list[str], list[str]]:
    """Return a line for each known vulnerability, and for each thing that could not be looked up."""
    words = [tool, "--requirement", str(lock), "--disable-pip", "--require-hashes"]
    done = subprocess.run(
        [*words, "--format", "json", "--progress-spinner", "off"],
        capture_output=True, text=True, check=False, timeout=_PATIENCE,
    )  # fmt: skip
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], [
            f"{lock.name}: known vulnerabilities; the database of advisories did not answer"
        ]
    known = [
        f"{canonicalize_name(each['name'])} {each.get('version', '')}: {one['id']}"
        for each in found
        for one in each.get("vulns", [])
    ]
    skipped = [f"{each['name']}: {each['skip_reason']}" for each in found if "skip_reason" in each]
    return known, skipped


def review(tool: str | None) -> tuple[list[str], list[str]]:
    """Return what is wrong, and what could not be looked at."""
    wrong: list[str] = []
    unseen: list[str] = []
    for lock in LOCKS:
        try:
            locked = list(pins(lock.read_text("utf-8")))
        except LockError as error:
            wrong.append(f"{lock.name}: {error}")
            continue
        if lock.name == "requirements.lock":  # what only builds is not passed on
            wrong += unaccepted(locked)
        if tool:
            known, skipped = audited(tool, lock)
            wrong += known
            unseen += skipped
    return wrong, unseen


def main(args: Sequence[str]) -> int:
    """Print what was found; return 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="review", description="Review what the image installs.")
    parser.add_argument("--audit", metavar="PIP_AUDIT", help="ask for known vulnerabilities, too")
    parser.add_argument("--build-requires", action="store_true", help="print what a build needs")
    given = parser.parse_args(args)
    if given.build_requires:
        sys.stdout.write("\n".join(project()["build-system"]["requires"]) + "\n")
        return 0
    wrong, unseen = review(given.audit)
    for line in (*wrong, *(f"not looked at: {each}" for each in unseen)):
        sys.stderr.write(f"{line}\n")
    if not wrong:
        sys.stdout.write(
            f"review: pins, hashes and licences are in order; {asked(given, unseen)}\n"
        )
    return 1 if wrong else 0


def asked(given: argparse.Namespace, unseen: Sequence[str]) -> str:
    """Return what can be said of known vulnerabilities where none was found."""
    if not given.audit:
        return "known vulnerabilities were not asked for: make audit"
    if unseen:
        return "known vulnerabilities were NOT looked up for all of it, see above"
    return "no vulnerability is known"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
