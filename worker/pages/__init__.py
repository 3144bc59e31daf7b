"""What the pages of the sandbox and of the gateway's console share: a look, a few lines of script,
and the headers under which a page is served. Static files, no build step, no foreign host."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

#: file -> its type
SHARED: Mapping[str, str] = MappingProxyType(
    {
        "look.css": "text/css",
        "elements.js": "text/javascript",
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


@cache
def read(name: str) -> bytes:
    """Return one of the shared files."""
    return files("worker.pages").joinpath(name).read_bytes()
