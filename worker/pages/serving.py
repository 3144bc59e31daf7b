"""Serving: a page at /, its own files and those that are shared under a prefix; nothing else."""

from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files

from aiohttp import web

from worker import pages

Own = Mapping[str, tuple[str, str]]  #: path -> file of a package's folder ``page``, and its type


def routes(package: str, prefix: str, own: Own) -> list[web.RouteDef]:
    """Return the routes of a page, the same for everybody, each with every guard."""
    folder = files(package).joinpath("page")
    bodies = {
        path: (pages.whole(folder.joinpath(name).read_bytes(), prefix), kind)
        for path, (name, kind) in own.items()
    }
    shared = {f"{prefix}/{name}": (pages.read(name), kind) for name, kind in pages.SHARED.items()}
    return [web.get(path, _file(*each)) for path, each in (bodies | shared).items()]


def _file(body: bytes, kind: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        del request
        headers = {**pages.HEADERS}
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    return answer
