"""How the languages of the tools quote things; each renderer's grammar in one place."""

from __future__ import annotations

import json
from shlex import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def az(*words: str, **options: str | Sequence[str]) -> str:
    """Return an ``az`` command: ``az("redis show", name="c")``; options in the order given.

    Underscores become hyphens, and a list gives its option several values.
    """
    parts = ["az", *words]
    for name, value in options.items():
        values = [value] if isinstance(value, str) else list(value)
        parts += [f"--{name.replace('_', '-')}", *(quote(each) for each in values)]
    return " ".join(parts)


def powershell(command: str, **options: str | bool) -> str:
    """Return a cmdlet with its parameters, texts in single quotes."""
    parts = [command]
    for name, value in options.items():
        if isinstance(value, bool):
            parts.append(f"-{name} ${'true' if value else 'false'}")
        else:
            parts.append(f"-{name} '" + value.replace("'", "''") + "'")
    return " ".join(parts)


def bicep(value: Any, indent: int = 0) -> str:
    """Return JSON-ready data as a Bicep expression."""
    pad, inner = "  " * indent, "  " * (indent + 1)
    if isinstance(value, dict):
        if not value:
            return "{}"
        lines = [f"{inner}{_key(name)}: {bicep(each, indent + 1)}" for name, each in value.items()]
        return "{\n" + "\n".join(lines) + f"\n{pad}}}"
    if isinstance(value, list | tuple):
        if not value:
            return "[]"
        lines = [f"{inner}{bicep(each, indent + 1)}" for each in value]
        return "[\n" + "\n".join(lines) + f"\n{pad}]"
    if isinstance(value, str):
        return "'" + _escaped(value) + "'"
    return json.dumps(value)


def bicep_resource(
    symbol: str, kind: str, api_version: str, body: Mapping[str, Any], *, existing: bool = False
) -> str:
    """Return one resource declaration; *body* may hold ``parent``, which is a symbol and no text."""
    data = dict(body)
    parent = data.pop("parent", None)
    text = bicep(data)
    if parent is not None:
        text = "{\n" + f"  parent: {parent}\n" + text[2:] if data else f"{{\n  parent: {parent}\n}}"
    word = " existing" if existing else ""
    return f"resource {symbol} '{kind}@{api_version}'{word} = {text}\n"


def terraform(kind: str, name: str, arguments: Mapping[str, Any]) -> str:
    """Return one ``resource`` block; a dict becomes a nested block, a list of dicts several."""
    return f'resource "{kind}" "{name}" {{\n' + _hcl(arguments, 1) + "}\n"


def _hcl(arguments: Mapping[str, Any], depth: int) -> str:
    pad = "  " * depth
    plain = {name: value for name, value in arguments.items() if not _is_block(value)}
    width = max((len(name) for name in plain), default=0)
    text = ""
    for name, value in arguments.items():
        if _is_block(value):
            for block in value if isinstance(value, list) else [value]:
                text += f"{pad}{name} {{\n{_hcl(block, depth + 1)}{pad}}}\n"
        else:
            text += f"{pad}{name:<{width}} = {_hcl_value(value)}\n"
    return text


def _is_block(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )


def _hcl_value(value: Any) -> str:
    if isinstance(value, str):
        # "${" would begin an interpolation.
        return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
    return json.dumps(value)


def _key(name: str) -> str:
    return name if name.isidentifier() else "'" + _escaped(name) + "'"


def _escaped(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
    return escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def symbol(text: str) -> str:
    """Return a name that Bicep and Terraform accept, made of *text*."""
    made = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in text)
    return made if made[:1].isalpha() else f"r_{made}"
