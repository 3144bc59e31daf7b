"""Where a vendor's document contradicts itself or its samples: which side we took, one test each."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from worker.contract.events import Raw
from worker.vendors.base import Call, Outcome, Outgoing, Response, Submission, Vendor

T = TypeVar("T")
Make = Callable[..., Vendor]
Write = Callable[..., Outgoing]


def answer(make: Make, write: Write, name: str, body: str) -> Submission:
    (found,) = make(name).submit([write(name)]).read(Response(200, body))
    return found


def only(call: Call[T] | None) -> Call[T]:
    assert call is not None
    return call


def test_chuangxin_s_host_has_the_table_s_letter_not_the_sample_s(make: Make) -> None:
    assert "//cxkjsms." in make("chuangxin").base_url


def test_chuangxin_s_text_goes_raw_into_the_query_for_the_transport_to_encode_once(
    make: Make, write: Write
) -> None:
    call = make("chuangxin").submit([write("chuangxin", text="a b&c=1%20")])

    assert call.query["content"] == "【信使】a b&c=1%20"
    assert call.form == {}
    assert "?" not in call.url


@pytest.mark.parametrize("state", ["Faild", "Failed", "FAILD", "Fail", "Error"])
def test_chuangxin_s_every_word_but_success_is_a_failure(
    state: str, make: Make, write: Write
) -> None:
    body = f'{{"ReturnStatus":"{state}","Message":"ok","TaskID":1,"SuccessCounts":1}}'

    assert answer(make, write, "chuangxin", body).outcome is Outcome.REFUSED


def test_chuangxin_s_error_number_is_told_by_the_text(make: Make, write: Write) -> None:
    body = '{"ReturnStatus":"Faild","Message":"错误：短信必须带【】格式签名！"}'

    assert answer(make, write, "chuangxin", body).code == "10002"


@pytest.mark.parametrize("code", ['"OK"', '"ok"', '" Ok "'])
def test_largesms_s_success_is_spelt_in_either_case(code: str, make: Make, write: Write) -> None:
    found = answer(make, write, "largesms", f'{{"Message":"","Code":{code}}}')

    assert found.outcome is Outcome.SUBMITTED


@pytest.mark.parametrize("text", ["参数与模板不对应!", "模板编号错误!", "发送成功", ""])
def test_largesms_s_105_is_105_whatever_its_text(text: str, make: Make, write: Write) -> None:
    found = answer(make, write, "largesms", f'{{"Message":"{text}","Code":"105"}}')

    assert (found.outcome, found.code) == (Outcome.REJECTED, "105")


@pytest.mark.parametrize("code", ['"102"', "102", '" 102 "'])
def test_largesms_s_codes_are_strings_and_numbers_do_too(
    code: str, make: Make, write: Write
) -> None:
    found = answer(make, write, "largesms", f'{{"Message":"","Code":{code}}}')

    assert (found.outcome, found.code) == (Outcome.CAPPED, "102")


def test_chuangrui_s_codes_are_read_whole_not_by_their_first_character(
    make: Make, write: Write
) -> None:
    assert answer(make, write, "chuangrui", "13,IP鉴权失败").outcome is Outcome.SUSPENDED
    assert answer(make, write, "chuangrui", "1,含有敏感词汇").outcome is Outcome.REJECTED
    assert answer(make, write, "chuangrui", "-1,系统异常").outcome is Outcome.UNAVAILABLE


def test_chuangrui_is_asked_by_post_though_a_sample_uses_get(make: Make, write: Write) -> None:
    call = make("chuangrui").submit([write("chuangrui")])

    assert (call.method, call.query) == ("POST", {})


def test_chuangrui_s_two_refusals_by_review_and_by_operator_are_two_words(make: Make) -> None:
    def reason(state: str) -> str:
        params = {"sendid": "1", "mobile": "13800138000", "state": state}
        (report,) = make("chuangrui").reports(Raw("report", params=params))
        return report.reason

    assert "review" in reason("REJECT")
    assert "operator" in reason("REJECTD")


def test_chuangrui_s_push_name_is_a_constant_unless_a_secret_is_agreed(make: Make) -> None:
    raw = Raw("report", params={"name": "callback-name", "pwd": "test-callback-pwd"})

    assert make("chuangrui").verify(raw)
    assert not make("chuangrui", callback_secret="s").verify(raw)


@pytest.mark.parametrize("status", ['"0"', "0", '" 0"'])
def test_tencent_s_status_is_a_string_or_a_number(status: str, make: Make, write: Write) -> None:
    row = '{"mid":"A1","mobile":"18983437010","result":0}'

    found = answer(make, write, "tencent", f'{{"status":{status},"list":[{row}]}}')

    assert found.outcome is Outcome.SUBMITTED


def test_tencent_s_misspelt_size_goes_beside_the_right_one_for_inbound_only(make: Make) -> None:
    polls = make("tencent").polls()

    assert polls["inbound"].form["szie"] == polls["inbound"].form["size"] == "500"
    assert "szie" not in polls["report"].form


def test_tencent_s_action_stands_where_the_samples_have_it(make: Make, write: Write) -> None:
    vendor = make("tencent")

    assert only(vendor.balance()).form["action"] == "balance"
    assert vendor.polls()["inbound"].form["action"] == "mo"
    assert "action" not in vendor.polls()["report"].form
    assert "action" not in vendor.submit([write("tencent")]).form


def test_tencent_s_rt_is_json_and_extno_the_access_number(make: Make, write: Write) -> None:
    form = make("tencent").submit([write("tencent")]).form

    assert (form["rt"], form["extno"]) == ("json", "10690")


def test_tencent_s_password_is_text_at_every_endpoint(make: Make) -> None:
    vendor = make("tencent", password=1234)
    calls: list[Call[Any]] = [only(vendor.balance()), *vendor.polls().values()]

    assert {call.form["password"] for call in calls} == {"1234"}


@pytest.mark.parametrize("listed", ["null", "[]"])
def test_tencent_s_empty_page_is_null_or_a_list(listed: str, make: Make) -> None:
    vendor = make("tencent")

    raw = vendor.polls()["inbound"].read(Response(200, f'{{"status":"0","list":{listed}}}'))

    assert [*vendor.inbound(raw), *vendor.reports(raw)] == []


@pytest.mark.parametrize("word", ["REJECTED", "REJECTD"])
def test_tencent_s_rejection_has_eight_letters_or_seven(word: str, make: Make) -> None:
    body = f'[{{"flag":1,"mid":"A1","mobile":"18983437010","stat":"{word}"}}]'

    (report,) = make("tencent").reports(Raw("report", body))

    assert (report.status, report.code) == ("rejected", word)


def test_tencent_s_ma_codes_are_its_own_not_the_operators(make: Make) -> None:
    body = '[{"flag":1,"mid":"A1","mobile":"18983437010","stat":"MA:0051"}]'

    (ours,) = make("tencent").reports(Raw("report", body))
    params = {"sendid": "1", "mobile": "13800138000", "state": "MA:0051"}
    (operator,) = make("chuangrui").reports(Raw("report", params=params))

    assert "does not say why" in ours.reason
    assert "operator's systems" in operator.reason


def test_zhenzi_s_balance_sample_is_the_answer_to_a_send_and_no_balance(make: Make) -> None:
    call = only(make("zhenzi").balance())

    with pytest.raises(ValueError, match="number"):
        call.read(Response(200, '{"code":0,"data":"发送成功"}'))


def test_zhenzi_s_code_is_a_number_and_a_string_does_too(make: Make, write: Write) -> None:
    assert answer(make, write, "zhenzi", '{"code":"109","data":"x"}').outcome is Outcome.CAPPED
    assert answer(make, write, "zhenzi", '{"code":109,"data":null}').outcome is Outcome.CAPPED


def test_zhenzi_s_two_apis_name_the_text_differently(make: Make, write: Write) -> None:
    first = make("zhenzi").submit([write("zhenzi")])
    second = make("zhenzi", api="v2").submit([write("zhenzi")])

    assert "message" in first.form
    assert "templateParams" not in first.form
    assert "message" not in second.form
    assert "templateParams" in second.form
    assert first.url != second.url
