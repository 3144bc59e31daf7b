"""No number is in the name of a key: what stands for it, and whose secret that is."""

import pytest

from worker.contract import keys
from worker.contract.errors import StoreError
from worker.contract.privacy import PLAIN, Aliases
from worker.contract.status import Status
from worker.store import acts, arrivals
from worker.store.arrivals import Heard, Report
from worker.store.inbox import Letter

from .conftest import DAY, NUMBER, Lab, account, entry, settled

OWN = Aliases("a secret of many letters")


def test_an_alias_is_the_numbers_in_every_form_of_it_and_the_secrets() -> None:
    assert OWN.number(NUMBER) == OWN.number(NUMBER[3:])
    assert OWN.number(NUMBER) != OWN.number(NUMBER[:-1] + "1")
    assert OWN.number(NUMBER) != PLAIN.number(NUMBER)
    assert OWN.number(NUMBER) != OWN.once(NUMBER[3:]) != ""
    assert len(OWN.number(NUMBER)) == len(OWN.once("order-1")) == 16
    assert OWN.print not in (PLAIN.print, Aliases("another secret of them").print)
    assert OWN.once("") == ""


@pytest.mark.parametrize("aliases", [PLAIN, OWN], ids=["plain", "keyed"])
def test_no_key_names_a_number_whatever_happens_to_its_messages(lab: Lab, aliases: Aliases) -> None:
    alias = aliases.number(NUMBER)
    limited = account("a", windows=[[1000, 60_000]], learns=True)
    caps = {"number": [[1000, 60_000]], "prefix": [], "tag": []}
    ids = [lab.put_one(to=NUMBER, alias=alias, key=aliases.once(f"k{NUMBER}{at}")) for at in "12"]
    lab.claim(limited, caps=caps)
    lab.settle(settled(ids[0], vendor_message_id="v1"), settled(ids[1], status="unknown"))
    reports = [
        Report(
            account="a",
            vendor_message_id=vendor_id,
            to=NUMBER,
            alias=alias,
            status=Status.DELIVERED,
            code="",
            reason="",
            blocked="60000",
            barred=True,
        )
        for vendor_id in ("v1", "stray", "another")
    ]
    told = lab.run(arrivals.report(reports, memory=DAY / 1000))
    letter = Letter(account="a", sender=NUMBER, text="T", opted_out=True)
    heard = Heard(mark="1", suppress="", alias=alias, letter=letter)
    assert lab.run(arrivals.inbound([heard], memory=60)) == [True]

    assert [each.verdict for each in told] == ["applied", "applied", "early"]
    names = [each.decode() for each in lab.raw.scan_iter("*")]
    assert not [each for each in names if NUMBER[3:] in each]
    assert len([each for each in names if alias in each]) >= 4, "windows, ids, early, last"
    assert lab.record(ids[1]).status == "delivered", "the stray report was its"


def test_a_producer_with_another_number_key_than_the_workers_is_refused_whole(lab: Lab) -> None:
    lab.raw.set(keys.NUMBER_KEY, OWN.print)
    message = entry("m1", alias=PLAIN.number(NUMBER))

    with pytest.raises(StoreError, match=r"privacy\.number_key is not the one"):
        lab.run(acts.accept([message], retention=60, idempotency=60, number_key=PLAIN.print))
    assert not lab.raw.exists(keys.message("m1"))

    lab.run(acts.accept([message], retention=60, idempotency=60, number_key=OWN.print))
    assert lab.raw.exists(keys.message("m1"))


def test_a_record_from_before_there_were_aliases_goes_on(lab: Lab) -> None:
    message_id = lab.put_one(to=NUMBER)
    lab.rewrite(message_id, alias="", sign="")

    assert lab.claimed(account("a", windows=[[1, 60_000]])) == [message_id]
    assert lab.settle(settled(message_id, vendor_message_id="v")) == [True]
