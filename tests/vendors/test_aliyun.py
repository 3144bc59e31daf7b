"""Aliyun's gateway speaks in headers: each error it documents, held against our outcome."""

import msgspec
import pytest

from worker.vendors import _aliyun
from worker.vendors.base import Code, Outcome, Response, Submission, Unreadable

SUSPENDED = (
    "A400AC A401AC A400MA A400IK A403IS A403PR I403AA A403EP A403IP A403VN A403AC A403CO A403IN "
    "B403MI B403ME B403MQ B403OD B403MO B451DO B451GO I404DO I404NF I404NR I404SR I400HM I403PT "
    "I405UM I413RL I413UL I410GG A403FC X400PM X403DG X500AM X500ED"
)
THROTTLED = "T429ID T429IN T429GR T429PA T429PR T429SR T429MR"
UNAVAILABLE = "D504RE D504IL D504CO D504CS D503BB D503CB X503BZ X500ER"
UNKNOWN = "D504TO X504TO X504VE D502FC N502RE"

BY_CODE = [
    (code, outcome)
    for codes, outcome in (
        (SUSPENDED, Outcome.SUSPENDED),
        (THROTTLED, Outcome.THROTTLED),
        (UNAVAILABLE, Outcome.UNAVAILABLE),
        (UNKNOWN, Outcome.UNKNOWN),
    )
    for code in codes.split()
]
BY_MESSAGE = [
    (403, "Unauthorized", Outcome.SUSPENDED),
    (403, "Quota Exhausted", Outcome.SUSPENDED),
    (403, "Api Market Subscription quota exhausted", Outcome.SUSPENDED),
    (403, "Quota Expired", Outcome.SUSPENDED),
    (403, "Api Market Subscription expired", Outcome.SUSPENDED),
    (403, "Expiry of Authorization", Outcome.SUSPENDED),
    (403, "User Arrears", Outcome.SUSPENDED),
    (403, "Throttled by USER Flow Control", Outcome.THROTTLED),
    (403, "Throttled by DOMAIN Flow Control", Outcome.THROTTLED),
    (429, "Throttled by APP Flow Control", Outcome.THROTTLED),
    (429, "new words", Outcome.THROTTLED),
    (400, "Invalid AppCode `not exists`", Outcome.SUSPENDED),
    (401, "Invalid AppCode `not exists`", Outcome.SUSPENDED),
    (400, "Invalid Url", Outcome.SUSPENDED),
    (400, "Invalid Domain", Outcome.SUSPENDED),
    (400, "Invalid HttpMethod", Outcome.SUSPENDED),
    (400, "Invalid Param Location", Outcome.SUSPENDED),
    (400, "Empty Request Body", Outcome.SUSPENDED),
    (400, "Unsupported Multipart", Outcome.SUSPENDED),
    (400, "Empty Signature", Outcome.SUSPENDED),
    (400, "Timestamp Expired", Outcome.SUSPENDED),
    (404, "API not found with `GET /path`", Outcome.SUSPENDED),
    (500, "Internal Error", Outcome.UNKNOWN),
    (500, "Failed To Call Backend Service", Outcome.UNKNOWN),
    (500, "new words", Outcome.UNKNOWN),
    (503, "Service Unavailable", Outcome.UNAVAILABLE),
    (503, "new words", Outcome.UNAVAILABLE),
    (504, "Async Service", Outcome.UNKNOWN),
]


def vendor_says(response: Response) -> Submission:
    data = response.json()
    if not isinstance(data, dict) or "ok" not in data:
        raise Unreadable("not ours")
    return Submission(Outcome.SUBMITTED, code="ok")


@pytest.mark.parametrize(("code", "outcome"), BY_CODE)
def test_a_code_of_six_characters_decides(code: str, outcome: Outcome) -> None:
    response = Response(int(code[1:4]), "", {"x-ca-error-code": code})

    found = _aliyun.answer(response, vendor_says)

    assert found.outcome is outcome
    assert found.code == f"gateway {code}"
    assert found.reason
    assert found.alarm is (outcome is Outcome.SUSPENDED)


@pytest.mark.parametrize(("status", "message", "outcome"), BY_MESSAGE)
def test_without_a_code_the_message_decides(status: int, message: str, outcome: Outcome) -> None:
    response = Response(status, "", {"x-ca-error-message": message, "x-ca-error-code": ""})

    found = _aliyun.answer(response, vendor_says)

    assert (found.outcome, found.code) == (outcome, f"gateway {status}")


def test_the_code_outweighs_the_message() -> None:
    headers = {"x-ca-error-code": "D504CO", "x-ca-error-message": "Failed To Call Backend Service"}

    found = _aliyun.answer(Response(504, "", headers), vendor_says)

    assert found.outcome is Outcome.UNAVAILABLE


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        ("A499ZZ", 499, Outcome.SUSPENDED),
        ("B403ZZ", 403, Outcome.SUSPENDED),
        ("I400ZZ", 400, Outcome.SUSPENDED),
        ("T429ZZ", 429, Outcome.THROTTLED),
        ("D503ZZ", 503, Outcome.UNAVAILABLE),
        ("D504ZZ", 504, Outcome.UNKNOWN),
        ("X500ZZ", 500, Outcome.UNKNOWN),
        ("N502ZZ", 502, Outcome.UNKNOWN),
    ],
)
def test_a_code_never_seen_goes_by_its_first_letter_or_the_status(
    code: str, status: int, outcome: Outcome
) -> None:
    found = _aliyun.answer(Response(status, "", {"x-ca-error-code": code}), vendor_says)

    assert found.outcome is outcome


def test_what_the_vendor_says_outweighs_the_gateway() -> None:
    body = msgspec.json.encode({"ok": 1}).decode()

    found = _aliyun.answer(Response(500, body, {"x-ca-error-code": "X500ER"}), vendor_says)

    assert found.code == "ok"


def test_a_request_id_alone_is_no_error_of_the_gateway() -> None:
    response = Response(500, "", {"x-ca-request-id": "F2A5", "x-ca-error-message": ""})

    assert _aliyun.refusal(response) is None
    with pytest.raises(Unreadable):
        _aliyun.answer(response, vendor_says)


def test_every_code_in_the_table_was_asked_about() -> None:
    asked = {code for code, _ in BY_CODE}

    assert set(_aliyun.CODES) <= asked
    assert all(isinstance(found, Code) for found in _aliyun.CODES.values())


def test_a_package_that_is_used_up_is_told_from_every_other_suspension() -> None:
    by_code = {
        code
        for code, _ in BY_CODE
        if _aliyun.answer(
            Response(int(code[1:4]), "", {"x-ca-error-code": code}), vendor_says
        ).drained
    }
    by_message = {
        message
        for status, message, _ in BY_MESSAGE
        if _aliyun.answer(
            Response(status, "", {"x-ca-error-message": message}), vendor_says
        ).drained
    }

    assert by_code == {"B403MQ"}
    assert by_message == {"Quota Exhausted", "Api Market Subscription quota exhausted"}
