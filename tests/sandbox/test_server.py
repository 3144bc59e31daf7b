"""The sandbox as a server, and the configuration that points at it."""

import ast
import asyncio
import tomllib
from pathlib import Path

import aiohttp
import pytest

import worker.sandbox
from worker.contract.settings import parse
from worker.contract.status import Stream
from worker.sandbox import CREDENTIALS, Sandbox, example_config, serve


async def test_it_serves_until_cancelled_and_tells_where() -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(serve("127.0.0.1", 0, ready=told.set_result))
    address = await told

    async with aiohttp.ClientSession() as session, session.get(f"{address}/_sandbox") as answer:
        assert answer.status == 200

    server.cancel()
    with pytest.raises(asyncio.CancelledError):
        await server
    with pytest.raises(OSError, match=r"."):
        await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))


async def test_a_hanging_request_does_not_keep_it_from_ending() -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(serve("127.0.0.1", 0, ready=told.set_result))
    address = await told
    host, _, port = address.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /sms/send.do HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n")
    writer.write(b"number=13800139401")
    async with aiohttp.ClientSession() as session:
        for _ in range(100):
            async with session.get(f"{address}/_sandbox") as answer:
                if (await answer.json())["open"].get("zhenzi"):
                    break

    server.cancel()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await server

    assert await reader.read() == b""
    writer.close()


def test_the_example_configuration_is_whole_and_valid() -> None:
    text = example_config("http://127.0.0.1:9100/", "redis://127.0.0.1:6379/5")

    settings = parse(tomllib.loads(text))

    assert settings.redis_url == "redis://127.0.0.1:6379/5"
    assert list(settings.vendors) == ["tencent", "largesms", "chuangxin", "chuangrui", "zhenzi"]
    assert settings.signature == "信使"
    assert set(settings.routes) == set(Stream)
    otp = settings.templates["otp"]
    assert otp.placeholders == ("code", "minutes")
    assert otp.forms["largesms"] == {"skin": "1", "params": ["code", "minutes"], "sign": "123"}
    for name, account in settings.vendors.items():
        assert account.adapter == name
        assert account.base_url.startswith("http://127.0.0.1:9100")
        assert dict(account.options) == dict(CREDENTIALS[name])


def test_the_templates_of_the_configuration_are_known_to_the_sandbox() -> None:
    settings = parse(tomllib.loads(example_config("http://127.0.0.1:1", "redis://x")))
    rules = Sandbox().settings.largesms

    for template in settings.templates.values():
        form = template.forms["largesms"]
        ours = template.render(dict.fromkeys(template.placeholders, "{}"))
        assert rules.templates[form["skin"]] == ours
        assert rules.templates[form["skin"]].count("{}") == len(form["params"])
        assert rules.signatures[form["sign"]] == template.signature


def test_of_worker_it_imports_the_contract_and_itself_only() -> None:
    folder = Path(worker.sandbox.__file__).parent
    imported: set[str] = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported.update(f"{node.module}.{name.name}" for name in node.names)
            elif isinstance(node, ast.Import):
                imported.update(name.name for name in node.names)

    ours = {name for name in imported if name.split(".")[0] in {"worker", "producers"}}
    parts = {".".join(name.split(".")[:2]) for name in ours}
    assert parts <= {"worker.contract", "worker.pages", "worker.sandbox"}
