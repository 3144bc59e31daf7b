"""redis_url in all its forms, each against a real server."""

import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis

from worker.contract.errors import SettingsError, StoreError
from worker.store import sentinel
from worker.store.client import AsyncStore, Store
from worker.store.embedded import Server, binary, free_port

from ..system.authority import made  # noqa: TID252 - the suite is no installed package
from ..system.proxy import Proxy  # noqa: TID252
from ..system.sentinels import SERVICE, Watched, until  # noqa: TID252

PATIENCE = 30.0


async def ping(url: str) -> None:
    """Ask the server in both ways; they agree."""
    with closing(Store(url, timeout=PATIENCE)) as store:
        assert store.command("PING") is True
    astore = AsyncStore(url, timeout=PATIENCE)
    try:
        assert await astore.command("PING") is True
    finally:
        await astore.close()


async def refusal(url: str) -> str:
    """Return what both say where they are refused."""
    with closing(Store(url, timeout=PATIENCE)) as store, pytest.raises(StoreError) as told:
        store.command("PING")
    astore = AsyncStore(url, timeout=PATIENCE)
    with pytest.raises(StoreError) as atold:
        await astore.command("PING")
    await astore.close()
    assert str(told.value) == str(atold.value)
    return str(told.value)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return made(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(
    authority: tuple[Path, ssl.SSLContext], server: Server, redis_url: str
) -> Iterator[tuple[int, Path]]:
    """The port of a server that speaks TLS as localhost, and its authority's certificate."""
    with Proxy(server.port, tls=authority[1]) as proxy:
        yield proxy.port, authority[0]


@pytest.fixture
def socket() -> Iterator[Path]:
    """A server behind a socket of this machine; its path is short, for a socket's must be."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "redis.sock"
        command = [binary(), "--port", "0", "--unixsocket", str(path), "--save", ""]
        with subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL) as server:
            end = time.monotonic() + PATIENCE
            while not path.exists():
                assert time.monotonic() < end, "the server made no socket"
                time.sleep(0.01)
            yield path
            server.kill()


async def test_a_socket_of_this_machine_is_an_address(socket: Path) -> None:
    await ping(f"unix://{socket}")


async def test_tls_works_with_the_authority_in_the_address(secure: tuple[int, Path]) -> None:
    await ping("rediss://localhost:{}/0?ssl_ca_certs={}".format(*secure))


async def test_a_certificate_nobody_vouches_for_is_refused(secure: tuple[int, Path]) -> None:
    assert "certificate is not trusted" in await refusal(f"rediss://localhost:{secure[0]}/0")


async def test_a_certificate_of_another_host_is_refused(secure: tuple[int, Path]) -> None:
    url = "rediss://127.0.0.1:{}/0?ssl_ca_certs={}".format(*secure)

    assert "certificate is not trusted" in await refusal(url)


async def test_a_user_of_the_acl_comes_in_with_name_and_password(
    raw: "redis.Redis", redis_url: str
) -> None:
    raw.acl_setuser("sender", enabled=True, passwords=["+p@ss/w"], keys=["*"], categories=["+@all"])
    try:
        await ping(redis_url.replace("://", "://sender:p%40ss%2Fw@"))
        said = await refusal(redis_url.replace("://", "://sender:wrong@"))
    finally:
        raw.acl_deluser("sender")

    assert said == "Redis refused the user name or the password in redis_url"


@pytest.mark.parametrize(
    "url",
    [
        "redis://h:port/0",
        "redis://:secret@h/0?ssl_ca=1",
        "redis://:secret@h/0?db=one",
        "rediss://:secret@h/0?ssl_cert_reqs=some",
        "rediss://:secret@h/0?ssl_ca_certs=/nowhere/ca.pem",
        "sentinel://:secret@h",
        "sentinel://:secret@h/",
        "sentinel://:secret@h,/main",
        "sentinel://:secret@h:port/main",
        "sentinel://:secret@h/main/first",
        "sentinel://:secret@h/main?tls=yes",
        "sentinel://:secret@h/main?colour=1",
    ],
)
def test_an_address_that_is_none_is_refused_at_once_without_its_password(url: str) -> None:
    for kind in (Store, AsyncStore):
        with pytest.raises(SettingsError) as told:
            kind(url)
        assert "redis_url" in str(told.value)
        assert "secret" not in str(told.value)


def test_an_address_of_sentinels_is_read_whole() -> None:
    found = sentinel.parse(
        "sentinel://us%40er:p%2Fw@one:1,two,[::1]:3/ma%20in/4"
        "?sentinel_username=s&sentinel_password=q&tls=true&ssl_ca_certs=/ca.pem&health_check_interval=3"
    )

    assert found.hosts == (("one", 1), ("two", 26379), ("::1", 3))
    assert (found.service, found.tls) == ("ma in", True)
    assert found.server == {
        "username": "us@er", "password": "p/w", "db": 4, "health_check_interval": 3, "ssl_ca_certs": "/ca.pem",
    }  # fmt: skip
    assert found.own == {"username": "s", "password": "q", "ssl_ca_certs": "/ca.pem"}
    assert "p/w" not in repr(found)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with Watched(tmp_path) as found:
        yield found


async def test_the_master_is_found_behind_sentinels_that_are_away(watched: Watched) -> None:
    await ping(watched.url.replace("://", f"://127.0.0.1:{free_port()},"))


async def test_a_service_or_a_password_the_sentinels_do_not_know_is_told(watched: Watched) -> None:
    assert "no Sentinel names" in await refusal(watched.url.replace(SERVICE, "other"))
    assert "no Sentinel names" in await refusal(watched.url.replace(Watched.PASSWORD, "wrong"))


async def test_after_a_failover_the_same_store_talks_to_the_new_master(watched: Watched) -> None:
    astore = AsyncStore(watched.url)
    with closing(Store(watched.url)) as store:
        store.command("SET", "before", "1")
        await astore.command("INCR", "before")
        assert store.command("WAIT", 1, 20_000) == 1

        watched.fail_over()

        until("the store follows", lambda: _written(store))
        with suppress(StoreError):  # the connection to the old master broke
            await astore.command("PING")
        assert await astore.command("GET", "before") == b"2"
    await astore.close()
    with redis.Redis.from_url(watched.replica.url) as client:
        assert client.get("after") == b"1"


def _written(store: Store) -> bool:
    try:
        store.command("SET", "after", "1")
    except StoreError:
        return False
    return True
