"""What the pages of the sandbox and of the gateway's console share: a head, a look, a few lines of
script, and how they are served. Static files, no build step, no foreign host."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

#: file -> its type
SHARED: Mapping[str, str] = MappingProxyType(
    {
        "look.css": "text/css",
        "elements.js": "text/javascript",
        "switches.js": "text/javascript",
        "seal.svg": "image/svg+xml",
    }
)

#: No script, style or request but our own files and paths; texts can become nothing but text.
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        "Cache-Control": "no-cache",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)


_HEAD, _PREFIX = b"<!-- worker/pages/head.html -->\n", b"PREFIX"


def whole(page: bytes, prefix: str) -> bytes:
    """Return a page with the head that all of them have; ``prefix``: where it finds our files."""
    return page.replace(_HEAD, read("head.html").replace(_PREFIX, prefix.encode()))


@cache
def read(name: str) -> bytes:
    """Return one of the shared files."""
    return files("worker.pages").joinpath(name).read_bytes()
