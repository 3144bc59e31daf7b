"""Opt-outs under a signature: which one a reply means, and what still goes to its sender."""

from typing import Any

import msgspec
import pytest

from worker.contract import keys
from worker.contract.record import Content, sign
from worker.contract.suppression import OptOut
from worker.store import arrivals, scripts
from worker.store.arrivals import Heard
from worker.store.inbox import Letter
from worker.store.suppression import Suppression, under

from .conftest import NUMBER, Lab, account, settled

OTHER = "+8613900139000"
DIGITS = NUMBER[3:].encode()


def said(text: str = "大促销", *, rendered: str = "", **more: Any) -> dict[str, Any]:
    """What a message says, as a producer stores it; ``rendered``: the text of its template."""
    content = Content(text=text, **more)
    packed = msgspec.json.encode(content)
    signature = sign(content, rendered or text)
    return {"content": packed, "template": content.template, "sign": signature}


def sent(lab: Lab, *, by: str = "a", **content: Any) -> str:
    """A message that an account took."""
    message_id = lab.put_one(to=NUMBER, **said(**content))
    assert lab.claimed(account(by)) == [message_id]
    lab.settle(settled(message_id, vendor_message_id=f"v-{message_id}"))
    return message_id


def reply(
    lab: Lab,
    reach: OptOut = OptOut.SIGNATURE,
    *,
    mark: str = "1",
    own: str = "",
    by: str = "a",
) -> None:
    letter = Letter(account=by, sender=NUMBER, text="T", opted_out=True)
    item = Heard(mark=mark, suppress=reach, signature=own, letter=letter)
    lab.run(arrivals.inbound([item], memory=72 * 3600))


def scopes(lab: Lab) -> dict[str, int]:
    return Suppression(lab.store).scopes()


def advert(lab: Lab, *accounts: dict[str, object], to: str = NUMBER, **more: Any) -> str:
    """Send marketing, and let it be claimed; returns its id."""
    pin = {"pin": more.pop("pin")} if "pin" in more else {}
    message_id = lab.put_one(stream="marketing", to=to, **pin, **said(**more))
    lab.claim(*accounts, stream="marketing", suppress=True)
    return message_id


def verdict(lab: Lab, message_id: str) -> tuple[str, str]:
    found = lab.record(message_id)
    return found.status, found.reason


OUT = ("suppressed", "the recipient opted out of 【甲】")


# --- what a reply means ---------------------------------------------------------------------------


def test_a_reply_means_the_signature_of_the_last_message_there(lab: Lab) -> None:
    sent(lab, signature="甲")
    sent(lab, signature="乙", by="b")

    reply(lab)

    assert scopes(lab) == {"sign:甲": 1}
    assert lab.raw.smembers(f"{keys.SUPPRESSED}sign:甲") == {DIGITS}
    assert lab.raw.smembers(keys.SIGNATURES) == {"甲".encode()}


def test_where_the_settings_say_all_it_means_all(lab: Lab) -> None:
    sent(lab, signature="甲")

    reply(lab, OptOut.ALL)

    assert scopes(lab) == {"all": 1}
    assert not lab.raw.exists(keys.SIGNATURES)


def test_a_reply_to_no_message_of_ours_means_all(lab: Lab) -> None:
    sent(lab, signature="甲", by="b")  # by another account

    reply(lab, own="丙")

    assert scopes(lab) == {"all": 1}


def test_a_reply_to_a_message_that_is_gone_means_all(lab: Lab) -> None:
    lab.raw.delete(keys.message(sent(lab, signature="甲")))

    reply(lab)

    assert scopes(lab) == {"all": 1}


def test_a_reply_to_a_message_without_a_signature_means_all(lab: Lab) -> None:
    sent(lab)

    reply(lab)

    assert scopes(lab) == {"all": 1}


def test_a_reply_to_a_message_whose_text_was_removed_means_its_signature(lab: Lab) -> None:
    lab.rewrite(sent(lab, signature="甲"), content="")

    reply(lab)

    assert scopes(lab) == {"sign:甲": 1}


def test_the_accounts_own_signature_counts_where_the_message_had_none(lab: Lab) -> None:
    sent(lab, text="【乙】大促销")

    reply(lab, own="甲")

    assert scopes(lab) == {"sign:甲": 1}, "the vendor puts its own in front of the text"


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("【甲】大促销", "sign:甲"),
        ("【 甲 】大促销", "sign:甲"),
        ("【A 1】%1 大促销", "sign:A 1"),
        ("大促销【甲】", "all"),
        ("【【甲】大促销", "all"),
        ("【】大促销", "all"),
        ("【 】大促销", "all"),
        ("【甲", "all"),
    ],
)
def test_the_signature_may_stand_in_the_text(lab: Lab, text: str, scope: str) -> None:
    sent(lab, text=text)

    reply(lab)

    assert scopes(lab) == {scope: 1}


def test_the_signature_may_stand_in_the_templates_text(lab: Lab) -> None:
    sent(lab, text="", template="sale", params={"shop": "甲 %1"}, rendered="【甲 %1店】大促销")

    reply(lab)

    assert scopes(lab) == {"sign:甲 %1店": 1}


def test_the_same_reply_means_the_same_whatever_was_sent_meanwhile(lab: Lab) -> None:
    sent(lab, signature="甲")
    reply(lab)
    sent(lab, signature="乙")

    reply(lab)
    assert scopes(lab) == {"sign:甲": 1}
    reply(lab, mark="2")
    assert scopes(lab) == {"sign:乙": 1, "sign:甲": 1}


# --- what still goes ------------------------------------------------------------------------------


def test_marketing_under_that_signature_is_suppressed_and_under_others_goes(lab: Lab) -> None:
    sent(lab, signature="甲")
    reply(lab)

    same, other = advert(lab, signature="甲"), advert(lab, signature="乙")
    bare, somebody = advert(lab), advert(lab, signature="甲", to=OTHER)

    assert verdict(lab, same) == OUT
    assert lab.record(same).attempt == 0
    assert [lab.status(each) for each in (other, bare, somebody)] == ["submitting"] * 3
    lab.check()


def test_codes_and_notices_go_all_the_same(lab: Lab) -> None:
    sent(lab, signature="甲")
    reply(lab)

    wanted = [
        lab.put_one(stream=each, to=NUMBER, **said(signature="甲")) for each in ("otp", "notice")
    ]
    lab.claim(stream="otp")
    lab.claim(stream="notice")

    assert [lab.status(each) for each in wanted] == ["submitting"] * 2


def test_it_is_suppressed_by_every_account_also_where_its_text_says_the_signature(lab: Lab) -> None:
    Suppression(lab.store).add([NUMBER], under("甲"))
    two = (account("a"), account("b"))

    assert verdict(lab, advert(lab, *two, text="【甲】大促销")) == OUT
    assert verdict(lab, advert(lab, *two, signature="甲")) == OUT
    assert lab.status(advert(lab, *two, text="【甲】大促销", signature="乙")) == "submitting"


def test_without_a_signature_only_the_account_that_would_put_that_one_is_left_out(lab: Lab) -> None:
    Suppression(lab.store).add([NUMBER], under("甲"))
    own, plain = account("a", sign="甲"), account("b")

    assert lab.record(advert(lab, own, plain)).account == "b"
    assert verdict(lab, advert(lab, own)) == OUT
    assert verdict(lab, advert(lab, own, plain, pin="a")) == OUT
    assert lab.record(advert(lab, own, plain, signature="乙")).account == "a"


def test_a_template_whose_text_begins_with_the_signature_is_suppressed(lab: Lab) -> None:
    Suppression(lab.store).add([NUMBER], under("甲店"))
    out, other = (
        advert(lab, text="", template="sale", params={"shop": shop}, rendered=f"【{shop}店】大促销")
        for shop in "甲乙"
    )

    assert verdict(lab, out) == ("suppressed", "the recipient opted out of 【甲店】")
    assert lab.status(other) == "submitting"


def test_the_reason_says_which_list(lab: Lab) -> None:
    kept = Suppression(lab.store)
    kept.add([NUMBER], "a")
    kept.add([OTHER])

    assert verdict(lab, advert(lab)) == (
        "suppressed",
        "the recipient is on the blacklist of a",
    )
    assert verdict(lab, advert(lab, to=OTHER)) == (
        "suppressed",
        "the recipient opted out of everything",
    )


def test_who_opted_out_is_told_at_once_also_in_quiet_hours(lab: Lab) -> None:
    Suppression(lab.store).add([NUMBER], under("甲"))
    message_id = lab.put_one(stream="marketing", to=NUMBER, **said(signature="甲"))

    lab.claim(stream="marketing", suppress=True, quiet=[0, 1440, 0])

    assert verdict(lab, message_id) == OUT


def test_a_message_that_may_have_been_taken_is_not_said_to_be_suppressed(lab: Lab) -> None:
    message_id = lab.unknown(stream="marketing", to=NUMBER, **said(signature="甲"))
    assert lab.resend(message_id, "any") == "accepted"
    Suppression(lab.store).add([NUMBER], under("甲"))

    lab.claim(stream="marketing", suppress=True)

    assert verdict(lab, message_id) == ("unknown", OUT[1])


def test_who_consents_again_gets_it_again(lab: Lab) -> None:
    kept = Suppression(lab.store)
    kept.add([NUMBER, OTHER], under("甲"))
    kept.remove([NUMBER], under("甲"))

    assert lab.status(advert(lab, signature="甲")) == "submitting"
    assert lab.status(advert(lab, signature="甲", to=OTHER)) == "suppressed"


def test_a_text_is_never_looked_into(lab: Lab) -> None:
    broken = {"content": b"no JSON at all"}
    Suppression(lab.store).add([OTHER], under("甲"))
    first = lab.put_one(stream="marketing", to=NUMBER, **broken)
    second = lab.put_one(stream="marketing", to=OTHER, **broken, sign="甲")
    lab.claim(stream="marketing", suppress=True)

    assert [lab.status(each) for each in (first, second)] == ["submitting", "suppressed"]


def test_a_text_that_is_gone_holds_no_other_message_up(lab: Lab) -> None:
    Suppression(lab.store).add([NUMBER], under("甲"))
    erased = lab.put_one(stream="marketing", to=NUMBER, content=b"")

    assert verdict(lab, advert(lab, signature="甲")) == OUT
    assert lab.status(erased) == "submitting"


def test_a_scope_has_the_same_name_in_the_scripts() -> None:
    for name in ("claim", "inbound"):
        assert f"local SIGNED = '{under('')}'" in scripts.load(name).source
