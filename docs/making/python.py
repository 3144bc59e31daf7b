"""The reference of the Python interface, from signatures, fields and docstrings in the source."""

import ast
import inspect
import re
from collections.abc import Iterator
from textwrap import dedent
from types import FunctionType, ModuleType
from typing import Any

import producers
from producers import AsyncClient, Client, Message, testing, webhooks
from worker.contract import errors

_WIDE = 88  # characters; a longer signature has a line a parameter
_ODD = re.compile(r"(?<!`)``([^`\n]+)``(?!`)")


def reference() -> str:
    """Return the reference in Markdown."""
    classes = [each for each in map(_public, producers.__all__) if inspect.isclass(each)]
    raised = [each for each in classes if issubclass(each, Exception)]
    others = [each for each in classes if each not in (*raised, Client, AsyncClient)]
    return "\n\n".join(
        [
            _class(Client),
            f"### AsyncClient\n\n{_prose(AsyncClient)}",
            _function(AsyncClient.events),
            *map(_class, others),
            "## Errors",
            _prose(errors),
            *map(_class, raised),
            "## `producers.webhooks`",
            _prose(webhooks),
            _function(webhooks.verify),
            _class(webhooks.Webhook),
            "## `producers.testing`",
            _prose(testing),
            _class(testing.Outbox),
        ]
    )


def _public(name: str) -> Any:
    return getattr(producers, name)


def _node(thing: Any) -> ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef:
    tree = ast.parse(dedent(inspect.getsource(thing)))
    found = tree.body[0]
    assert isinstance(found, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    return found


def _prose(thing: Any) -> str:
    return _ODD.sub(r"`\1`", inspect.getdoc(thing) or "") if _own_doc(thing) else ""


def _own_doc(thing: Any) -> bool:
    """Return whether a docstring was written: a dataclass makes one up."""
    if isinstance(thing, ModuleType):
        return True
    return ast.get_docstring(_node(thing)) is not None


def _class(kind: type) -> str:
    """Return a class: what it is, its fields or its __init__, its public methods."""
    parts = [f"### {kind.__name__}", _prose(kind)]
    if fields := _fields(kind):
        parts.append(f"```python\n{fields}\n```")
    parts += [
        _function(method, of=kind)
        for method in sorted(_methods(kind), key=lambda each: each.__name__ != "__init__")
    ]
    return "\n\n".join(filter(None, parts))


def _fields(kind: type) -> str:
    """Return the lines of the source that declare a class's public fields, comments included."""
    node = _node(kind)
    lines = dedent(inspect.getsource(kind)).splitlines()
    kept: list[str] = []
    for each in node.body:
        target: ast.expr | None = each.target if isinstance(each, ast.AnnAssign) else None
        if isinstance(each, ast.Assign):
            target = each.targets[0]
        if not isinstance(target, ast.Name) or target.id.startswith("_"):
            continue
        kept += lines[each.lineno - 1 : each.end_lineno]
        assert each.end_lineno is not None
        following = lines[each.end_lineno :]
        kept += [line for line in following[:1] if line.strip().startswith("#:")]
    return dedent("\n".join(kept))


def _methods(kind: type) -> Iterator[Any]:
    seen: set[str] = set()
    for owner in kind.__mro__:
        if not owner.__module__.startswith(("producers", "worker.contract")):
            continue
        for name, found in vars(owner).items():
            method = found.fget if isinstance(found, property) else inspect.unwrap(_bare(found))
            public = name == "__init__" or not name.startswith("_")
            if isinstance(found, classmethod) and kind is not Message:
                continue  # for those who read the store
            if public and name not in seen and inspect.isfunction(method) and _told(method):
                seen.add(name)
                yield method


def _told(function: FunctionType) -> bool:
    """Return whether somebody wrote it, and says what it does: a dataclass makes some up."""
    return function.__code__.co_filename != "<string>" and bool(function.__doc__)


def _bare(found: Any) -> Any:
    return getattr(found, "__func__", found)


def _function(function: Any, of: type | None = None) -> str:
    node = _node(function)
    assert not isinstance(node, ast.ClassDef)
    name = of.__name__ if of and node.name == "__init__" else node.name
    head = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    arguments = [each for each in _arguments(node.args) if each not in ("self", "cls")]
    answer = f" -> {ast.unparse(node.returns)}" if node.returns and name == node.name else ""
    text = f"{head}{name}({', '.join(arguments)}){answer}"
    if len(text) > _WIDE:
        lines = "".join(f"    {each},\n" for each in arguments)
        text = f"{head}{name}(\n{lines}){answer}"
    return f"```python\n{text}\n```\n\n{_prose(function)}"


def _arguments(given: ast.arguments) -> Iterator[str]:
    plain = [*given.posonlyargs, *given.args]
    lacking = len(plain) - len(given.defaults)
    for place, each in enumerate(plain):
        yield _argument(each, given.defaults[place - lacking] if place >= lacking else None)
    if given.vararg:
        yield f"*{_argument(given.vararg, None)}"
    elif given.kwonlyargs:
        yield "*"
    for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield _argument(each, default)
    if given.kwarg:
        yield f"**{_argument(given.kwarg, None)}"


def _argument(given: ast.arg, default: ast.expr | None) -> str:
    text = given.arg
    if given.annotation:
        text += f": {ast.unparse(given.annotation)}"
    if default is not None:
        text += f" = {ast.unparse(default)}" if given.annotation else f"={ast.unparse(default)}"
    return text
