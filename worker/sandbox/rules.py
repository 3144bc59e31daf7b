"""What can be set about the sandbox while it runs (``PUT /_sandbox/settings``)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

_Seconds = Annotated[float, Meta(ge=0)]
_Count = Annotated[int, Meta(ge=0)]

_TEMPLATES = {"1": "您的验证码是{}，{}分钟内有效", "2": "您的订单{}已发货"}
_SIGNATURES = {"123": "信使", "": "涪擎"}
_SENSITIVE = ["发票", "赌博"]


class _Table(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class TencentRules(_Table):
    numbers: Annotated[int, Meta(ge=1)] = 200  #: more in one submit: status 102
    concurrency: _Count = 0  #: more requests open at once: status 21; 0: no limit
    half_hour: _Count = 0  #: more to a number in half an hour: report MA:0022; 0: no limit
    charge_type: Literal["POSTCHARGE", "PRECHARGE"] = "PRECHARGE"
    price: _Count = 45  #: of a segment, in 1/1000 yuan
    signatures: list[str] = []  #: registered ones; empty: any, but one must be there
    push: bool = False  #: reports and MO pushed in the native form instead of waiting for polls


class LargesmsRules(_Table):
    interval: _Seconds = 60.0  #: to one number; the document gives no length: a guess
    daily: _Count = 15  #: to one number (document, table of codes); 0: no limit
    length: _Count = 200  #: characters in all (code 1009)
    templates: dict[str, str] = msgspec.field(
        default_factory=_TEMPLATES.copy
    )  #: template number -> text, {} for each variable
    signatures: dict[str, str] = msgspec.field(
        default_factory=_SIGNATURES.copy
    )  #: "": when none is asked for


class ChuangxinRules(_Table):
    length: _Count = 0  #: of the text; 0: no limit, none is documented


class ChuangruiRules(_Table):
    numbers: _Count = 0  #: more in one submit: code 14; 0: no limit, none is documented
    wrong_login: Literal["10", "14"] = "10"  #: no code is documented: a guess
    sensitive: list[str] = msgspec.field(default_factory=_SENSITIVE.copy)  #: words that make code 1
    push_style: Literal["form", "query"] = "form"  #: the document shows a query, and says POST


class ZhenziRules(_Table):
    daily: _Count = 0  #: to one number (the app's own setting); 0: no limit
    templates: dict[str, str] = msgspec.field(default_factory=_TEMPLATES.copy)  #: of the v2 call
    needs_callback: bool = False  #: refuse a messageId (100) while no callback is configured
    found: Literal["object", "string"] = "object"  #: how a message found is written


class Settings(_Table):
    latency: _Seconds = 0.0  #: of every answer of a vendor
    slow: _Seconds = 2.0  #: of the fates 94xx
    late: _Seconds = 5.0  #: of the fate 9009
    hang: _Seconds = 600.0  #: after which a hanging connection is closed
    report_delay: _Seconds = 0.0  #: from taken to the delivery report
    report_spread: _Seconds = 0.0  #: more, at the most: each number's share is its own, always
    callback: str = ""  #: our gateway, before /callbacks/{account}/report; empty: no pushes
    push_attempts: Annotated[int, Meta(ge=1)] = 3
    push_pause: _Seconds = 1.0  #: before a push is tried again, doubled each time
    tencent: TencentRules = msgspec.field(default_factory=TencentRules)
    largesms: LargesmsRules = msgspec.field(default_factory=LargesmsRules)
    chuangxin: ChuangxinRules = msgspec.field(default_factory=ChuangxinRules)
    chuangrui: ChuangruiRules = msgspec.field(default_factory=ChuangruiRules)
    zhenzi: ZhenziRules = msgspec.field(default_factory=ZhenziRules)


def change(settings: Settings, wanted: Mapping[str, Any]) -> None:
    """Put ``wanted`` over ``settings`` in place; raise msgspec.ValidationError and change nothing.

    A table of a vendor is merged key by key; every other value replaces what was there.
    """
    merged = msgspec.to_builtins(settings)
    for key, value in wanted.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both else value
    take_over(settings, msgspec.convert(merged, Settings))


def copied(settings: Settings) -> Settings:
    return msgspec.convert(msgspec.to_builtins(settings), Settings)


def take_over(settings: Settings, other: Settings) -> None:
    """Make ``settings`` equal to ``other``; whoever holds it sees the change."""
    for name in settings.__struct_fields__:
        setattr(settings, name, getattr(other, name))
