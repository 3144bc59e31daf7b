"""Sealing: what stands in Redis says nothing to who has no key, and comes out as it went in."""

import subprocess
import sys
from typing import Any

import pytest
import redis
from cryptography.fernet import Fernet

from tests.dump import everything
from worker.contract import keys
from worker.contract.errors import SealError, SettingsError
from worker.contract.events import Raw
from worker.contract.privacy import PLAIN
from worker.store import acts, arrivals, sealing
from worker.store.arrivals import Heard
from worker.store.client import AsyncStore
from worker.store.erasure import Eraser
from worker.store.inbox import Inbox, Letter, sealed
from worker.store.sealing import UNSEALED, Seal
from worker.store.spool import Spool

from .conftest import NUMBER, Lab, entry

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
SAID = "机密-4711"
TEXT = f'{{"text":"{SAID}"}}'
RAW = Raw("inbound", f"body {SAID}", {"content": SAID}, {"x-one": SAID}, "192.0.2.1")
FORMS = (SAID.encode(), repr(SAID.encode())[2:-1].encode(), b"4711")


def accept(lab: Lab, *ids: str, seal: Seal, text: str = TEXT) -> None:
    entries = [entry(each, content=text.encode()) for each in ids]
    lab.run(acts.accept(entries, retention=600, idempotency=600, seal=seal))


def in_clear(raw: "redis.Redis") -> bool:
    found = everything(raw)
    return any(each in found for each in FORMS)


def test_what_is_sealed_comes_out_as_it_went_in_and_never_twice_the_same() -> None:
    seal = Seal([NEW])
    one, two = seal.seal(TEXT), seal.seal(TEXT)

    assert one != two
    assert SAID not in one
    assert one.startswith("~")
    assert [seal.open(each) for each in (one, two, one, TEXT, "", "=digest")] == [
        *[TEXT] * 3,
        *(TEXT, "", "=digest"),
    ]
    assert seal.open_bytes(seal.seal_bytes(b"\x97\x00")) == b"\x97\x00"


def test_without_keys_everything_stays_as_it_is() -> None:
    assert not UNSEALED
    assert UNSEALED.seal(TEXT) is TEXT
    assert UNSEALED.open(TEXT) is TEXT
    assert not UNSEALED.stale(TEXT)


def test_every_key_opens_and_the_first_one_seals() -> None:
    before, both = Seal([OLD]).seal(TEXT), Seal([NEW, OLD])

    assert both.open(before) == TEXT
    assert Seal([NEW]).open(both.seal(TEXT)) == TEXT
    assert [both.stale(each) for each in (before, TEXT, both.seal(TEXT), "")] == [
        *(True, True, False, False)
    ]


@pytest.mark.parametrize("wrong", [Seal([OLD]), UNSEALED], ids=["another key", "no key"])
def test_without_its_key_a_text_is_an_error_that_names_the_setting(wrong: Seal) -> None:
    for said in (Seal([NEW]).seal(TEXT), "~", "~not a token", "~密"):
        with pytest.raises(SealError, match=r"cannot be opened: \[privacy\] text_keys") as told:
            wrong.open(said)
        assert SAID not in repr(told.value)


def test_a_text_that_was_changed_on_the_way_is_not_opened() -> None:
    seal = Seal([NEW])
    said = seal.seal(TEXT)
    middle = len(said) // 2
    changed = said[:middle] + ("A" if said[middle] != "A" else "B") + said[middle + 1 :]

    with pytest.raises(SealError):
        seal.open(changed)


def test_the_package_is_loaded_only_for_keys_and_missed_by_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = "import sys; from worker.store.sealing import Seal; Seal(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)

    assert "worker.store.sealing" in loaded.stdout.split()
    assert "cryptography" not in loaded.stdout.split()
    with pytest.raises(SettingsError, match=r"text_keys: needs the package .*xinshi\[crypto\]"):
        sealing.Seal([NEW])


def test_texts_of_their_own_and_shared_ones_are_sealed_in_the_store(
    lab: Lab, raw: "redis.Redis"
) -> None:
    seal = Seal([NEW])
    accept(lab, "m1", seal=seal, text=TEXT.replace("4711", "4711!"))
    accept(lab, "m2", "m3", seal=seal)

    assert not in_clear(raw)
    found = dict(lab.claim().messages)
    said = [seal.open(found[each].content) for each in ("m1", "m2", "m3")]
    assert said == [TEXT.replace("4711", "4711!"), TEXT, TEXT]
    assert found["m2"].content == found["m3"].content
    assert len(raw.keys(f"{keys.TEXT}*")) == 1


def test_the_name_of_a_shared_text_proves_no_guess(lab: Lab, raw: "redis.Redis") -> None:
    for seal in (Seal([NEW]), UNSEALED, Seal([NEW])):
        accept(lab, f"a{id(seal)}", f"b{id(seal)}", seal=seal, text=TEXT + " " * 50)

    found: Any = raw.keys(f"{keys.TEXT}*")
    names = {name.decode().removeprefix(keys.TEXT) for name in found}
    said = (TEXT + " " * 50).encode()
    assert names == {Seal([NEW]).name(said), UNSEALED.name(said)}


async def test_a_reply_is_sealed_in_the_inbox(
    lab: Lab, astore: AsyncStore, raw: "redis.Redis"
) -> None:
    seal = Seal([NEW])
    letter = Letter(account="a", sender=NUMBER, text=SAID, vendor_message_id="v1", opted_out=True)
    lab.run(arrivals.inbound([Heard(mark="1", letter=sealed(letter, seal))], memory=600))

    assert not in_clear(raw)
    for found in (await Inbox(astore, seal).list(), await Inbox(astore, seal).latest()):
        assert [each.letter for each in found] == [letter]
    with pytest.raises(SealError):
        await Inbox(astore, Seal([OLD])).list()


async def test_a_plain_reply_that_looks_sealed_is_read_as_it_is(
    lab: Lab, astore: AsyncStore
) -> None:
    letter = Letter(account="a", sender=NUMBER, text="~好的")
    lab.run(arrivals.inbound([Heard(mark="1", letter=sealed(letter, UNSEALED))], memory=600))

    (found,) = await Inbox(astore, Seal([NEW])).list()

    assert found.letter.text == "~好的"


async def test_pages_are_sealed_in_the_spool_and_where_they_are_put_aside(
    astore: AsyncStore, raw: "redis.Redis"
) -> None:
    spool = Spool(astore, seal=Seal([NEW]))
    await spool.put("tencent", RAW)
    assert not in_clear(raw)

    (page,) = await spool.take("one", 10)
    await spool.unreadable(page, "why")

    assert (page.account, page.raw) == ("tencent", RAW)
    assert not in_clear(raw)
    (aside,) = await spool.aside()
    assert (aside.account, aside.kind, aside.why) == ("tencent", "inbound", "why")
    assert await spool.replay() == 1
    (again,) = await spool.take("one", 10)
    assert again.raw == RAW


@pytest.mark.parametrize("wrong", [Seal([OLD]), UNSEALED], ids=["another key", "no key"])
async def test_a_page_that_cannot_be_opened_waits_aside_for_its_key(
    astore: AsyncStore, wrong: Seal
) -> None:
    right = Spool(astore, seal=Seal([NEW]))
    await right.put("tencent", RAW)

    taken: list[Any] = await Spool(astore, seal=wrong).take("one", 10)

    assert taken == []
    (aside,) = await Spool(astore, seal=wrong).aside()
    assert (aside.account, aside.why) == ("", "the page cannot be opened: [privacy] text_keys")
    await right.replay()
    assert [each.raw for each in await right.take("one", 10)] == [RAW]


async def test_plain_pages_of_before_are_read_when_there_are_keys(astore: AsyncStore) -> None:
    await Spool(astore).put("tencent", RAW)

    assert [each.raw for each in await Spool(astore, seal=Seal([NEW])).take("one", 10)] == [RAW]


@pytest.mark.parametrize(("seal", "pages"), [(Seal([NEW]), 1), (Seal([OLD]), 0)])
async def test_who_erases_a_number_finds_it_in_sealed_pages(
    lab: Lab, astore: AsyncStore, seal: Seal, pages: int
) -> None:
    page = Raw("report", f"mobile={NUMBER[3:]}")
    await Spool(astore, seal=Seal([NEW])).put("tencent", page)

    done = Eraser(lab.store, NUMBER, PLAIN, seal).run((), force=False, suppression=False)

    assert done.pages == pages
