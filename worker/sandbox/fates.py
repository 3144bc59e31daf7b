"""What becomes of a message, by the last four digits of its number.

The vendors want real-looking numbers, so no prefix can be reserved: the last four digits decide.

    0000-8999, 98xx, 99xx   taken and delivered
    90xx  taken, then reported:
          9000 undelivered   9001 expired      9002 refused by the operator   9003 unknown
          9004 system busy   9005 review refused   9006 an operator's own code
          9007 delivered, never reported           9008 delivered, reported twice
          9009 delivered, reported late (setting ``late``)
          9010 delivered, reported before the answer
          9011 reported undelivered, then delivered
          any other: as 9000
    91xx  refused at submit:
          9100 number   9101 content   9102 signature   9103 system error   9104 other error
          9105 a code in no list       9107 balance used up
          9110 system error at the first submit, then as 0000;   9111 at the first two
          any other: as 9100
    92xx  blacklisted: at submit where the vendor can say so, else by report;
          9201 and 9202 by report (Tencent: MA:0023 customer's list, MA:0027 channel's list)
    93xx  throttled: 9300 this number, 9301 our account, 9302 by the vendor's API gateway;
          9310 this number at the first submit only, 9311 our account, 9312 by the gateway
          any other: as 9300
    94xx  slow: 9400 answers after ``slow`` seconds, taken at once; 9401 hangs, not taken;
          9402 hangs, taken; 9403 answers after ``slow`` seconds, and is taken only then;
          any other: as 9400
    95xx  taken, and the connection dropped without an answer; 9510 at the first submit only
    96xx  dropped before it was taken; 9610 at the first submit only
    97xx  not taken: 9700 HTTP 500, 9701 502, 9702 503, 9703 504, 9706 an HTML page with 200;
          taken: 9704 garbage with 200, 9705 empty 200, 9707 a truncated answer, 9708 504;
          971x as 970x at the first submit only; any other: as 9700

A vendor that cannot refuse at submit for the reason given takes the message and reports it so.
In a request for several numbers, what concerns the whole request (94xx-97xx, and refusals that the
vendor has only for a whole request) is decided by the first number that has such a fate.
"""

from dataclasses import replace

from worker.sandbox.endings import DELIVERED, INSTEAD, Ending, Fate, Refusal, Timing
from worker.sandbox.faults import Spoil


def _refused(refusal: Refusal, first: int = 0) -> Fate:
    return Fate(ending=INSTEAD.get(refusal, Ending.UNDELIVERED), refusal=refusal, first=first)


def _spoiled(kind: str, *, taken: bool) -> Fate:
    return Fate(spoil=Spoil(kind, taken))


_DEFAULTS = {
    "90": Fate(ending=Ending.UNDELIVERED),
    "91": _refused(Refusal.NUMBER),
    "92": _refused(Refusal.BLACKLIST),
    "93": _refused(Refusal.NUMBER_THROTTLE),
    "94": _spoiled("delay", taken=True),
    "95": _spoiled("drop", taken=True),
    "96": _spoiled("drop", taken=False),
    "97": _spoiled("500", taken=False),
}
_ANSWERS = {
    "9700": _spoiled("500", taken=False),
    "9701": _spoiled("502", taken=False),
    "9702": _spoiled("503", taken=False),
    "9703": _spoiled("504", taken=False),
    "9704": _spoiled("garbage", taken=True),
    "9705": _spoiled("empty", taken=True),
    "9706": _spoiled("html", taken=False),
    "9707": _spoiled("truncated", taken=True),
    "9708": _spoiled("504", taken=True),
}
_PARTICULAR = {
    "9001": Fate(ending=Ending.EXPIRED),
    "9002": Fate(ending=Ending.REFUSED),
    "9003": Fate(ending=Ending.UNKNOWN),
    "9004": Fate(ending=Ending.BUSY),
    "9005": Fate(ending=Ending.REVIEW),
    "9006": Fate(ending=Ending.NETWORK),
    "9007": Fate(timing=Timing.NEVER),
    "9008": Fate(timing=Timing.TWICE),
    "9009": Fate(timing=Timing.LATE),
    "9010": Fate(timing=Timing.EARLY),
    "9011": Fate(timing=Timing.CHANGED),
    "9101": _refused(Refusal.CONTENT),
    "9102": _refused(Refusal.SIGNATURE),
    "9103": _refused(Refusal.SYSTEM),
    "9104": _refused(Refusal.OTHER),
    "9105": _refused(Refusal.UNLISTED),
    "9107": _refused(Refusal.BALANCE),
    "9110": _refused(Refusal.SYSTEM, first=1),
    "9111": _refused(Refusal.SYSTEM, first=2),
    "9201": Fate(ending=Ending.BARRED_BY_CUSTOMER),
    "9202": Fate(ending=Ending.BARRED_BY_CHANNEL),
    "9301": _refused(Refusal.ACCOUNT_THROTTLE),
    "9302": _refused(Refusal.GATEWAY_THROTTLE),
    "9310": _refused(Refusal.NUMBER_THROTTLE, first=1),
    "9311": _refused(Refusal.ACCOUNT_THROTTLE, first=1),
    "9312": _refused(Refusal.GATEWAY_THROTTLE, first=1),
    "9401": _spoiled("hang", taken=False),
    "9402": _spoiled("hang", taken=True),
    "9403": _spoiled("delay", taken=False),
    "9510": replace(_DEFAULTS["95"], first=1),
    "9610": replace(_DEFAULTS["96"], first=1),
    **_ANSWERS,
    **{f"971{tail[-1]}": replace(fate, first=1) for tail, fate in _ANSWERS.items()},
}
_FATES = {f"{head}{n:02d}": fate for head, fate in _DEFAULTS.items() for n in range(100)}
_FATES.update(_PARTICULAR)


def fate(number: str) -> Fate:
    """Return the fate that ``number`` carries in its last four digits."""
    return _FATES.get(number[-4:], DELIVERED)


def table() -> dict[str, str]:
    """Return the table for people: digits, and what they do."""
    rows = {"other": "delivered"}
    for digits, found in {**{f"{h}xx": f for h, f in _DEFAULTS.items()}, **_PARTICULAR}.items():
        rows[digits] = _words(found)
    return rows


def _words(found: Fate) -> str:
    if found.spoil:
        words = f"{found.spoil.kind}, {'taken' if found.spoil.taken else 'not taken'}"
    elif found.refusal:
        words = f"refused: {found.refusal}"
    else:
        words = f"{found.ending}, reported {found.timing}"
    return f"{words} (first {found.first} only)" if found.first else words
