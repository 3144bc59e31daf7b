"""A configuration that points every account at the sandbox."""

import json

from worker.sandbox.accounts import CREDENTIALS

#: What a base_url holds at each vendor, after the sandbox's address.
_ADDRESSES = {
    "tencent": "/tencent/release",
    "largesms": "",
    "chuangxin": "",
    "chuangrui": "/asmx/smsservice.aspx",
    "zhenzi": "",
}
_REST = """
[routes]
otp = ["tencent", "zhenzi", "largesms"]
notice = ["chuangrui", "tencent", "zhenzi", "chuangxin", "largesms"]
marketing = ["chuangrui", "tencent", "chuangxin"]

[defaults]
signature = "信使"

[templates.otp]
text = "您的验证码是{code}，{minutes}分钟内有效"
signature = "信使"
largesms = { skin = "1", params = ["code", "minutes"], sign = "123" }

[templates.notice]
text = "您的订单{order}已发货"
signature = "信使"
largesms = { skin = "2", params = ["order"], sign = "123" }

[gateway]
listen = "127.0.0.1:8080"
api_keys = { demo = "sandbox-api-key" }
"""


def example_config(base: str, redis_url: str) -> str:
    """Return a whole xinshi.toml: five accounts at the sandbox whose address is ``base``."""
    lines = [f"redis_url = {_quoted(redis_url)}"]
    for vendor, credentials in CREDENTIALS.items():
        lines += ["", f"[vendors.{vendor}]", f'adapter = "{vendor}"']
        lines.append(f"base_url = {_quoted(base.rstrip('/') + _ADDRESSES[vendor])}")
        lines += [f"{key} = {_quoted(value)}" for key, value in credentials.items()]
    return "\n".join(lines) + "\n" + _REST


def _quoted(text: str) -> str:
    """Write a TOML string: JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
