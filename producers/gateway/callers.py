"""Callers: where a request comes from, as far as proxies that the settings name are believed."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

from aiohttp import web

from worker.contract.gateway import Network


def address(request: web.Request, trusted: Sequence[Network]) -> str:
    """Return the address of the caller."""
    found = request.remote or ""
    chain = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for hop in reversed([each.strip() for each in chain if each.strip()]):
        if not _within(found, trusted):
            break
        found = hop
    return printable(found)


def host(request: web.Request, trusted: Sequence[Network]) -> str:
    """Return host and port under which the caller sees us."""
    found = request.headers.get("Host", "")
    if _within(request.remote or "", trusted):
        found = request.headers.get("X-Forwarded-Host", found).split(",")[0].strip()
    return found.lower()


def printable(text: str) -> str:
    """Return what a header says, as text that can be written anywhere."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _within(found: str, networks: Sequence[Network]) -> bool:
    try:
        number = ip_address(found)
    except ValueError:
        return False
    if isinstance(number, IPv6Address):
        number = number.ipv4_mapped or number
    return any(number in network for network in networks)
