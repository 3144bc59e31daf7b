"""The words of a page, as its words.js has them."""

import re


def words(source: str) -> dict[str, set[str]]:
    """Return the names of the words of each language."""
    found: dict[str, set[str]] = {}
    for line in source.splitlines():
        if head := re.match(r"  (\w+): \{$", line):
            found[head[1]] = set()
        elif word := re.match(r'    "?([\w.-]+)"?: ".+",$', line):
            found[[*found][-1]].add(word[1])
    return found
