"""The page: static files, the same for everybody; nothing in them is worth a secret."""

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

from worker.pages import serving

PREFIX = "/console"
_JS = "text/javascript"

#: path -> file of our own and its type; nothing else of the folder is served.
FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "/": ("console.html", "text/html"),
        f"{PREFIX}/console.css": ("console.css", "text/css"),
        **{
            f"{PREFIX}/{name}.js": (f"{name}.js", _JS)
            for name in (
                "accounts",
                "app",
                "calls",
                "charts",
                "format",
                "lists",
                "live",
                "now",
                "search",
                "tables",
                "troubles",
                "words",
            )
        },
    }
)


def routes() -> list[web.RouteDef]:
    return serving.routes("producers.gateway.console", PREFIX, FILES)
