"""Config: the settings file of a measured set-up."""

from collections.abc import Sequence

from producers.bench.vendor import VendorEnd

_RESERVE = 32  # in_flight's part for otp, as the settings have it
_ACCOUNTS = {
    "zhenzi": 'app_id = "bench"\napp_secret = "bench"',
    "tencent": 'secret_id = "bench"\nsecret_key = "bench"\naccount = "bench"\npassword = "bench"',
    "chuangrui": 'name = "bench"\npwd = "bench"\ncallback_name = "bench"',
}
_PATHS = {"chuangrui": "/chuangrui"}


def text(
    url: str, in_flight: int, accounts: Sequence[tuple[str, str, VendorEnd]], more: str = ""
) -> str:
    """Return the settings: accounts as (name, adapter, endpoint), the first one for notices."""
    reserve = min(_RESERVE, in_flight // 16)
    parts = [
        f'redis_url = "{url}"\n[defaults]\nsignature = "信使"',
        f"[worker]\nin_flight = {in_flight}\nreserve = {reserve}\n{more}",
    ]
    for name, adapter, end in accounts:
        parts.append(
            f'[vendors.{name}]\nadapter = "{adapter}"\n'
            f'base_url = "{end.url}{_PATHS.get(adapter, "")}"\n{_ACCOUNTS[adapter]}\n'
        )
    first, last = accounts[0][0], accounts[-1][0]
    parts.append(f'[routes]\nnotice = ["{first}"]\notp = ["{last}"]\nmarketing = ["{first}"]\n')
    return "\n".join(parts)
