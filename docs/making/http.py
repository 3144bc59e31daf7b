"""The reference of the HTTP gateway, from its OpenAPI description; nothing is loaded from afar."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DESCRIPTION = Path(__file__).parents[2] / "producers" / "gateway" / "openapi.json"
_METHODS = ("get", "post", "put", "patch", "delete")

Node = Mapping[str, Any]


def reference() -> str:
    """Return the reference in Markdown."""
    document = json.loads(DESCRIPTION.read_text("utf-8"))
    return "\n\n".join([*_operations(document), "## Schemas", *_schemas(document)])


def _operations(document: Node) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"## {tag['name'].capitalize()}"
        yield tag.get("description", "")
        for path, item in document["paths"].items():
            for method in _METHODS:
                if tag["name"] in item.get(method, {}).get("tags", ()):
                    yield from _operation(document, f"{method.upper()} {path}", item[method], item)


def _operation(document: Node, name: str, operation: Node, item: Node) -> Iterator[str]:
    yield f"### `{name}`"
    yield f"{operation['summary']}."
    yield operation.get("description", "")
    given = [_met(document, each) for each in _listed(item) + _listed(operation)]
    if given:
        rows = [(f"`{each['name']}`", each["in"], _told(each)) for each in given]
        yield _table(("parameter", "in", ""), rows)
    if body := operation.get("requestBody"):
        forms = [f"`{kind}`{_of(said)}" for kind, said in body["content"].items()]
        yield f"Body: {', '.join(forms)}."
    answers = [
        (f"`{status}`", _met(document, said).get("description", "") + _bodies(document, said))
        for status, said in operation["responses"].items()
    ]
    yield _table(("answer", ""), answers)


def _listed(node: Node) -> list[Node]:
    return list(node.get("parameters", ()))


def _schemas(document: Node) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        yield f"### {name}"
        yield schema.get("description", "")
        required = schema.get("required", ())
        rows = [
            (f"`{key}`{' *' if key in required else ''}", _type(said), _told(said))
            for key, said in schema.get("properties", {}).items()
        ]
        yield _table(("field (* required)", "type", ""), rows) if rows else _type(schema)


def _met(document: Node, node: Node) -> Node:
    """Return what a reference stands for."""
    while "$ref" in node:
        found: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def _link(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _of(said: Node) -> str:
    schema = said.get("schema", {})
    options = [each for each in schema.get("oneOf", [schema]) if "$ref" in each]
    return f" ({' or '.join(_link(each['$ref']) for each in options)})" if options else ""


def _bodies(document: Node, answer: Node) -> str:
    content = _met(document, answer).get("content", {})
    return "".join(dict.fromkeys(_of(said) for said in content.values()))


def _type(schema: Node) -> str:
    if "$ref" in schema:
        return _link(schema["$ref"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if options := schema.get("oneOf") or schema.get("anyOf"):
        named = [_type(each) for each in options if "$ref" in each or "type" in each]
        if named and "type" not in schema:
            return " or ".join(dict.fromkeys(named))
    kinds = schema.get("type", "anything")
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def _told(schema: Node) -> str:
    said = [schema.get("description", "")]
    own = schema.get("schema", schema)
    if "default" in own:
        said.append(f"Default: `{own['default']}`.")
    if examples := own.get("examples"):
        said.append("For example " + ", ".join(f"`{each}`" for each in examples) + ".")
    return " ".join(filter(None, said)).replace("\n", " ").replace("|", "\\|")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
