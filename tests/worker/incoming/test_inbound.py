"""Inbound: opt-out words alone, never inside a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.coming_back import NUMBER
from worker.contract import accounts
from worker.contract.errors import SettingsError
from worker.contract.events import Inbound
from worker.contract.suppression import OptOut
from worker.incoming import inbound
from worker.store.arrivals import Heard

WORDS = ["T", "TD", "N", "R", "STOP", "UNSUBSCRIBE", "退订", "取消", "拒收", "退订回T", "回复TD"]
NOISE = st.text(alphabet=" \t\r\n.。!！,，;；'\"“”‘’【】[]()（）、…~～-—_\u3000\u200b\ufeff😀")


def heard(text: str = "好的", **fields: str) -> Inbound:
    plain = {"sender": NUMBER, "extension": "01", "vendor_message_id": "mo"}
    return Inbound(text=text, **(plain | fields))  # type: ignore[arg-type]


def arrival(said: Inbound, reach: OptOut = OptOut.SIGNATURE) -> Heard:
    return inbound.arrival("a", said, reach, "信使")


@given(st.sampled_from(WORDS), NOISE, NOISE, st.booleans())
def test_a_word_alone_opts_out_whatever_stands_around_it(
    word: str, before: str, after: str, lower: bool
) -> None:
    assert inbound.opts_out(before + (word.lower() if lower else word) + after)


@pytest.mark.parametrize(
    "text", ["ｔｄ", "ＴＤ", "Ｎ。", "t d", "退 订", "ｓｔｏｐ！", "【信使】TD"[4:]]
)
def test_full_width_and_blanks_inside_are_the_same(text: str) -> None:
    assert inbound.opts_out(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "。",
            "好的",
            "不要退订",
            "怎么退订?",
            "请勿取消订单",
            "don't stop",
            "T恤",
            "1T",
        ),
        *("no", "TDs", "取消了吗", "N次", "R2D2", "A T", "stop by later", "退订吗", "我要取消预约"),
    ],
)
def test_a_sentence_is_no_opt_out(text: str) -> None:
    assert not inbound.opts_out(text)


@pytest.mark.parametrize("reach", OptOut)
def test_an_opt_out_reaches_as_far_as_the_settings_say_and_other_replies_nowhere(
    reach: OptOut,
) -> None:
    out, plain = arrival(heard("退订"), reach), arrival(heard(), reach)

    assert (out.suppress, out.letter.opted_out) == (reach, True)
    assert (plain.suppress, plain.letter.opted_out) == ("", False)
    assert out.signature == "信使"


def test_the_same_reply_has_the_same_mark_and_another_one_has_not() -> None:
    same = {arrival(heard()).mark for _ in range(2)}
    others = {
        arrival(each).mark
        for each in (heard("b"), heard(extension="02"), heard(sender="+8613900000001"))
    }

    assert len(same) == 1
    assert len(others | same) == 4, "an id that the vendor gives twice would hide the second one"


def test_half_a_character_is_no_reason_to_lose_a_reply() -> None:
    assert arrival(heard("退\ud800")).letter.text == "退?"


def test_no_account_is_named_as_the_list_for_all_of_them_is() -> None:
    with pytest.raises(SettingsError, match=r"vendors\.all"):
        accounts.account_name("all")
