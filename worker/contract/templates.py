"""Templates: a text with {placeholders}, and the forms in which vendors know it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.contract.errors import SettingsError
from worker.contract.tables import Table, mapping

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    text: str
    signature: str = ""
    forms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: account or adapter name -> the template as that vendor knows it

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of its parameters, in order, each once."""
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(self.text)))

    def render(self, params: Mapping[str, str]) -> str:
        return _PLACEHOLDER.sub(lambda found: params[found[1]], self.text)


def parse(table: Table) -> Template:
    text = table.text("text", "")
    if not text.strip():
        raise SettingsError(table.key("text"), "missing: the text with {placeholders}")
    brand = signature(table.text("signature", ""), table.key("signature"))
    forms = {name: mapping(value, table.key(name)) for name, value in table.rest().items()}
    return Template(text=text, signature=brand, forms=forms)


def signature(text: str, key: str) -> str:
    """Return a signature without its brackets; raise SettingsError."""
    bare = text.strip().removeprefix("【").removesuffix("】")
    if "【" in bare or "】" in bare:
        raise SettingsError(key, "a signature is the brand alone, without 【】 inside")
    return bare
