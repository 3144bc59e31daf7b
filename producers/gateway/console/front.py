"""The page: static files, the same for everybody; nothing in them is worth a secret."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from aiohttp import web

from producers.gateway.edge import Handler
from worker import pages

_JS = "text/javascript"

#: path -> file of our own and its type; nothing else of the folder is served.
FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "/": ("console.html", "text/html"),
        "/console/console.css": ("console.css", "text/css"),
        **{
            f"/console/{name}.js": (f"{name}.js", _JS)
            for name in (
                "app",
                "calls",
                "charts",
                "format",
                "lists",
                "live",
                "now",
                "search",
                "words",
            )
        },
    }
)


def routes() -> list[web.RouteDef]:
    own = [web.get(path, _file(_read(name), kind)) for path, (name, kind) in FILES.items()]
    shared = [
        web.get(f"/console/{name}", _file(pages.read(name), kind))
        for name, kind in pages.SHARED.items()
    ]
    return [*own, *shared]


def _file(body: bytes, kind: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(
            body=body, content_type=kind, charset="utf-8", headers={**pages.HEADERS}
        )

    return answer


@cache
def _read(name: str) -> bytes:
    return files("producers.gateway.console").joinpath("page", name).read_bytes()
