"""largesms (fegine 涪擎), on Aliyun's market as cmapi025687: templates only, no free text.

It lacks delivery reports, inbound messages, a balance and, as far as documented, an id of its own.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from worker.vendors import _aliyun
from worker.vendors._reading import UNLISTED, optional, record, shown, verdict, word
from worker.vendors.base import Call, Code, Outcome, Outgoing, Response, Submission, Vendor


class Adapter(Vendor):
    default_url = "https://largesms.market.alicloudapi.com"
    credentials = ("appcode",)
    max_length = 200
    templates_only = True
    form_keys = ("skin", "params")  # the template's number, and its variables in order
    form_options = ("sign",)  # the number of a signature; without it the vendor's default
    per_number = ("1/60s", "15/day")  # the day is documented, the short interval is not
    windows: ClassVar = {"102": ("60s", "day")}
    codes: ClassVar[Mapping[str, Code]] = {
        "OK": Code(Outcome.SUBMITTED, ""),
        "101": Code(Outcome.REJECTED, "the number is malformed"),
        # One code for two rules: the short interval, and fifteen a day.
        "102": Code(Outcome.CAPPED, "too soon, or too many today, for this number"),
        "103": Code(Outcome.BARRED, "the number is on a blacklist"),
        "104": Code(Outcome.SUSPENDED, "the signature's number is wrong", alarm=True),
        # The sample words it as a mismatch of variables, the table as a wrong template.
        "105": Code(Outcome.REJECTED, "wrong template, or wrong variables for it", alarm=True),
        "106": Code(Outcome.UNAVAILABLE, "a fault of the vendor's system"),
        "107": Code(Outcome.REFUSED, "another error"),
        "1002": Code(Outcome.REJECTED, "a parameter is wrong", alarm=True),
        "1009": Code(Outcome.REJECTED, "more than 200 characters"),
    }

    def refuse(self, message: Outgoing) -> str | None:
        """Return the rule broken; a ``|`` would end a variable, and no escape is documented."""
        rule = super().refuse(message)
        if rule is None:
            for name in message.form["params"]:
                if "|" in message.params[name]:
                    return f"params.{name}: no | inside, it parts the parameters at this vendor"
        return rule

    def submit(self, messages: Sequence[Outgoing]) -> Call[list[Submission]]:
        (message,) = messages
        form = message.form
        query = {
            "param": "|".join(message.params[name] for name in form["params"]),
            "phone": message.number,
            "skin": str(form["skin"]),
        }
        if form.get("sign"):
            query["sign"] = str(form["sign"])
        return Call(
            lambda response: [_aliyun.answer(response, self._verdict)],
            "GET",
            f"{self.base_url}/largesms",
            query=query,
            headers=_aliyun.authorization(self.option("appcode")),
        )

    def _verdict(self, response: Response) -> Submission:
        data = record(response.json())
        code = word(data.get("Code"))
        found = self.codes.get(code.upper(), UNLISTED)  # OK in the sample, ok in the table
        taken = found.outcome is Outcome.SUBMITTED
        # Not in this product's document; a sibling product of the vendor sends them.
        given = optional(data.get("BizId")) or optional(data.get("RequestId"))
        return verdict(found, code, shown(given) if taken else "")
