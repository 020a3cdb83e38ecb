"""Microsoft.ResourceGraph: questions about many resources, in a small part of their language.

    Resources | where type =~ 'microsoft.cache/redis' and name startswith 'c'
    | project id, host = properties.hostName | order by name asc | limit 10

``where`` with comparisons joined by ``and``, ``or`` and ``not`` in parentheses, ``project``,
``extend``, ``order by``, ``limit``, ``take``, ``distinct`` and ``count``. Whatever else is said is
refused with the word that was not understood: an answer to another question would be worse than none.

Sources: ``azext-resourcegraph__*`` of the recordings;
learn.microsoft.com/azure/governance/resource-graph/concepts/query-language.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from refused.lab.arm.routes import Answer, Call, Refusal, provides, route
from refused.lab.arm.state import moment, type_of

if TYPE_CHECKING:
    from refused.lab.arm.state import State

Document = dict[str, Any]
Row = dict[str, Any]
Test = Callable[[Row], bool]
Value = Callable[[Row], Any]

provides(
    "Microsoft.ResourceGraph",
    resources=("2024-04-01", "2022-10-01", "2021-03-01", "2020-04-01-preview", "2019-04-01"),
)

MOST_ROWS = 1000
MOST_CHARACTERS = 20_000
DEEPEST = 40
# Children that the table has as well; all others are seen through their parents.
CHILDREN = ("microsoft.network/privatednszones/virtualnetworklinks",)
_LEFT_OUT = ("microsoft.resources/deployments",)
_WORD = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)"""
    r"""|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>=~|!~|==|!=|<=|>=|in~|[|(),.\[\]=<>]))"""
)


class _Unclear(Exception):  # the API's word is another
    """The query has something that is not understood: the word and where it stands."""

    def __init__(self, word: str, at: int) -> None:
        super().__init__(word)
        self.word, self.at = word, at


# --- the language ---------------------------------------------------------------------------------


class _Words:
    """The words of a query, read from left to right."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"//[^\n]*", "", text)
        self.words: list[tuple[str, str, int]] = []
        at = 0
        while text[at:].strip():
            match = _WORD.match(text, at)
            if match is None:
                raise _Unclear(text[at:].strip()[:20], at)
            kind = match.lastgroup or ""
            word = match[kind]
            at = match.end()
            if kind == "name" and word.lower() in ("in", "has") and text[at : at + 1] == "~":
                word, at = f"{word}~", at + 1
            self.words.append((kind, word, match.start(kind)))
        self.at = 0

    def peek(self) -> str:
        """Return the next word in lower case, ``""`` at the end."""
        return self.words[self.at][1].lower() if self.at < len(self.words) else ""

    def kind(self) -> str:
        """Return what kind of word comes next."""
        return self.words[self.at][0] if self.at < len(self.words) else ""

    def take(self, *wanted: str) -> str:
        """Take the next word, which has to be one of *wanted* if any are named."""
        if self.at >= len(self.words) or (wanted and self.peek() not in wanted):
            raise self.unclear()
        self.at += 1
        return self.words[self.at - 1][1]

    def takes(self, word: str) -> bool:
        """Take the next word if it is *word*."""
        if self.peek() != word:
            return False
        self.at += 1
        return True

    def unclear(self) -> _Unclear:
        """Return what to raise of the next word."""
        if self.at < len(self.words):
            _, word, at = self.words[self.at]
            return _Unclear(word, at)
        return _Unclear("<EOF>", -1)


def _text(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1])


def _value(words: _Words) -> Value:
    """Read a literal, a field with its path, or ``tolower(…)`` of one."""
    kind = words.kind()
    if kind == "text":
        said = _text(words.take())
        return lambda _row: said
    if kind == "number":
        number = float(words.take())
        return lambda _row: number
    name = words.take()
    if kind != "name":
        words.at -= 1
        raise words.unclear()
    lowered = name.lower()
    if words.peek() == "(":
        if lowered not in ("tolower", "toupper", "tostring", "isempty", "isnotempty"):
            words.at -= 1
            raise words.unclear()
        words.take("(")
        inner = _value(words)
        words.take(")")
        return _call(lowered, inner)
    if lowered in ("true", "false", "null"):
        return lambda _row: {"true": True, "false": False, "null": None}[lowered]
    path = [name]
    while words.peek() in (".", "["):
        if words.takes("."):
            path.append(words.take())
        else:
            words.take("[")
            word = words.take()
            path.append(_text(word) if word[:1] in "'\"" else word)
            words.take("]")
    return lambda row: _at(row, path)


def _call(name: str, inner: Value) -> Value:
    if name == "tolower":
        return lambda row: str(inner(row) or "").lower()
    if name == "toupper":
        return lambda row: str(inner(row) or "").upper()
    if name == "isempty":
        return lambda row: inner(row) in (None, "")
    if name == "isnotempty":
        return lambda row: inner(row) not in (None, "")
    return lambda row: _written(inner(row))


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def _at(row: Row, path: list[str]) -> Any:
    """Return what lies at a path; columns match in any case, what lies in them only as written."""
    found: Any = next((row[each] for each in row if each.lower() == path[0].lower()), None)
    for part in path[1:]:
        if isinstance(found, list):
            found = found[int(part)] if part.isdigit() and int(part) < len(found) else None
        elif isinstance(found, dict):
            found = found.get(part)
        else:
            return None
    return found


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "=~": lambda a, b: _written(a).lower() == _written(b).lower(),
    "!~": lambda a, b: _written(a).lower() != _written(b).lower(),
    "contains": lambda a, b: _written(b).lower() in _written(a).lower(),
    "startswith": lambda a, b: _written(a).lower().startswith(_written(b).lower()),
    "endswith": lambda a, b: _written(a).lower().endswith(_written(b).lower()),
    "has": lambda a, b: (
        re.search(
            rf"(?<![A-Za-z0-9]){re.escape(_written(b))}(?![A-Za-z0-9])", _written(a), re.IGNORECASE
        )
        is not None
    ),
    ">": lambda a, b: isinstance(a, int | float) and isinstance(b, int | float) and a > b,
    "<": lambda a, b: isinstance(a, int | float) and isinstance(b, int | float) and a < b,
    ">=": lambda a, b: isinstance(a, int | float) and isinstance(b, int | float) and a >= b,
    "<=": lambda a, b: isinstance(a, int | float) and isinstance(b, int | float) and a <= b,
}


def _condition(words: _Words, depth: int = 0) -> Test:
    """Read comparisons joined by ``or``."""
    if depth > DEEPEST:
        raise words.unclear()
    tests = [_both(words, depth)]
    while words.takes("or"):
        tests.append(_both(words, depth))
    return lambda row: any(each(row) for each in tests)


def _both(words: _Words, depth: int) -> Test:
    tests = [_one(words, depth)]
    while words.takes("and"):
        tests.append(_one(words, depth))
    return lambda row: all(each(row) for each in tests)


def _one(words: _Words, depth: int) -> Test:
    if words.takes("not"):
        words.take("(")
        inner = _condition(words, depth + 1)
        words.take(")")
        return lambda row: not inner(row)
    if words.takes("("):
        inner = _condition(words, depth + 1)
        words.take(")")
        return inner
    left = _value(words)
    operator = words.peek()
    if operator in ("in", "in~"):
        words.take()
        words.take("(")
        values = [_value(words)]
        while words.takes(","):
            values.append(_value(words))
        words.take(")")
        compare = _COMPARE["=~" if operator == "in~" else "=="]
        return lambda row: any(compare(left(row), each(row)) for each in values)
    if operator in _COMPARE:
        words.take()
        right = _value(words)
        compare = _COMPARE[operator]
        return lambda row: compare(left(row), right(row))
    if operator in ("", "|", "and", "or", ")"):
        return lambda row: left(row) is True
    raise words.unclear()


Step = Callable[[list[Row]], list[Row]]


def _columns(words: _Words) -> list[tuple[str, Value]]:
    """Read ``name``, ``properties.x`` or ``alias = …``, between commas."""
    found: list[tuple[str, Value]] = []
    while True:
        begin = words.at
        name = words.take()
        if words.takes("="):
            found.append((name, _value(words)))
        else:
            words.at = begin
            value = _value(words)
            said = [word for _, word, _ in words.words[begin : words.at]]
            parts = [
                _text(each) if each[:1] in "'\"" else each for each in said if each not in ".[]"
            ]
            found.append(("_".join(parts), value))
        if not words.takes(","):
            return found


def _project(columns: list[tuple[str, Value]]) -> Step:
    return lambda rows: [{name: value(row) for name, value in columns} for row in rows]


def _extend(columns: list[tuple[str, Value]]) -> Step:
    return lambda rows: [row | {name: value(row) for name, value in columns} for row in rows]


def _distinct(columns: list[tuple[str, Value]]) -> Step:
    def step(rows: list[Row]) -> list[Row]:
        seen = {json.dumps(each, sort_keys=True): each for each in _project(columns)(rows)}
        return list(seen.values())

    return step


def _order(words: _Words) -> Step:
    words.take("by")
    keys: list[tuple[Value, bool]] = []
    while True:
        value = _value(words)
        falling = words.peek() != "asc"  # as in Kusto, where nothing is said it falls
        if words.peek() in ("asc", "desc"):
            words.take()
        keys.append((value, falling))
        if not words.takes(","):
            break

    def step(rows: list[Row]) -> list[Row]:
        for value, falling in reversed(keys):
            rows = sorted(rows, key=lambda row: _written(value(row)).lower(), reverse=falling)
        return rows

    return step


def _limit(words: _Words) -> Step:
    if words.kind() != "number":
        raise words.unclear()
    count = int(float(words.take()))
    return lambda rows: rows[:count]


def _where(words: _Words) -> Step:
    test = _condition(words)
    return lambda rows: [row for row in rows if test(row)]


_STEPS: dict[str, Callable[[_Words], Step]] = {
    "where": _where,
    "project": lambda words: _project(_columns(words)),
    "extend": lambda words: _extend(_columns(words)),
    "distinct": lambda words: _distinct(_columns(words)),
    "order": _order,
    "sort": _order,
    "limit": _limit,
    "take": _limit,
    "count": lambda _words: lambda rows: [{"Count": len(rows)}],
}


def run(query: str, tables: dict[str, list[Row]]) -> tuple[list[Row], bool]:
    """Return the rows that answer *query*, and whether it limits them itself.

    Raises:
        _Unclear: Something in it is not understood.
    """
    words = _Words(query)
    rows = tables["resources"]
    limited = False
    if words.kind() == "name" and words.peek() in tables:
        rows = tables[words.take().lower()]
    elif words.peek() not in _STEPS:
        raise words.unclear()
    else:
        rows = _STEPS[words.take().lower()](words)(rows)
    while words.peek():
        words.take("|")
        name = words.peek()
        if name not in _STEPS:
            raise words.unclear()
        words.take()
        limited = limited or name in ("limit", "take")
        rows = _STEPS[name](words)(rows)
    return rows, limited


# --- the operation --------------------------------------------------------------------------------


def _row(state: State, document: Document) -> Row:
    """Return a resource as the table has it: types, groups and places in lower case."""
    parts = document["id"].split("/")
    lowered = [part.lower() for part in parts]
    group = lowered[lowered.index("resourcegroups") + 1] if "resourcegroups" in lowered else ""
    return {
        "id": document["id"],
        "name": document.get("name", parts[-1]),
        "type": type_of(document["id"]),
        "tenantId": state.tenant,
        "kind": document.get("kind") or "",
        "location": str(document.get("location", "")).replace(" ", "").lower(),
        "resourceGroup": group,
        "subscriptionId": parts[2] if len(parts) > 2 else "",
        "managedBy": document.get("managedBy") or "",
        "sku": document.get("sku"),
        "plan": None,
        "properties": document.get("properties") or {},
        "tags": document.get("tags"),
        "identity": document.get("identity"),
        "zones": document.get("zones"),
        "extendedLocation": None,
    }


def _tables(state: State, subscriptions: set[str]) -> dict[str, list[Row]]:
    with state.lock:
        documents = [dict(each) for each in state.documents.values() if "id" in each]
    resources, containers = [], []
    for each in documents:
        kind = type_of(each["id"])
        row = _row(state, each)
        if subscriptions and row["subscriptionId"].lower() not in subscriptions:
            continue
        if "/providers/" not in each["id"].lower():
            row["type"] = "microsoft.resources/subscriptions"
            if row["resourceGroup"]:
                row["type"] += "/resourcegroups"
            containers.append(row)
            continue
        is_extension = each["id"].lower().count("/providers/") > 1
        is_listed = kind.count("/") == 1 or kind in CHILDREN
        if is_listed and not is_extension and row["resourceGroup"] and kind not in _LEFT_OUT:
            resources.append(row)
    return {"resources": resources, "resourcecontainers": containers}


@route(
    "POST",
    "/providers/Microsoft.ResourceGraph/resources",
    action="Microsoft.ResourceGraph/resources/read",
)
def _resources(call: Call) -> Answer:
    body = call.body if isinstance(call.body, dict) else {}
    options = body.get("options") or {}
    query = body.get("query")
    if not isinstance(query, str) or not query.strip() or len(query) > MOST_CHARACTERS:
        raise _invalid(call, "EmptyQuery", "The query is empty, or too long.")
    wanted = {str(each).lower() for each in body.get("subscriptions") or ()}
    try:
        rows, limited = run(query, _tables(call.state, wanted))
    except _Unclear as unclear:
        raise _invalid(
            call,
            "ParserFailure",
            f"The lab twin's part of the language has no {unclear.word[:40]!r} here; it knows "
            f"{', '.join(_STEPS)}.",
            token=unclear.word[:40],
            position=unclear.at,
        ) from None
    at, size = _page(call, options)
    page = rows[at : at + size]
    more = at + size < len(rows)
    answer: dict[str, Any] = {
        "totalRecords": len(rows),
        "count": len(page),
        "data": _table(page) if str(options.get("resultFormat")).lower() == "table" else page,
        "facets": [],
        "resultTruncated": "true" if more and limited else "false",
    }
    if more and not limited:
        token = {"$id": "1", "MaxRows": size, "RowsToSkip": at + size}
        answer["$skipToken"] = base64.b64encode(json.dumps(token).encode()).decode()
    return Answer(body=answer)


def _page(call: Call, options: dict[str, Any]) -> tuple[int, int]:
    """Return the first row that is wanted, and how many."""
    size, at = options.get("$top", MOST_ROWS), options.get("$skip", 0)
    token = options.get("$skipToken")
    if token:
        try:
            read = json.loads(base64.b64decode(str(token), validate=True))
            at, size = read["RowsToSkip"], options.get("$top", read["MaxRows"])
        except (ValueError, KeyError, TypeError):
            raise _invalid(call, "InvalidSkipToken", "The skip token is not valid.") from None
    fits = isinstance(size, int) and isinstance(at, int) and 1 <= size <= MOST_ROWS and at >= 0
    if not fits:
        raise _invalid(call, "InvalidPaging", f"$top has to be between 1 and {MOST_ROWS}.")
    return at, size


def _table(rows: list[Row]) -> dict[str, Any]:
    """Return rows in the form that older clients ask for."""
    names = list(rows[0]) if rows else []
    kinds: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return {
        "columns": [
            {"name": name, "type": kinds.get(type(rows[0][name]), "object")} for name in names
        ],
        "rows": [[row[name] for name in names] for row in rows],
    }


def _invalid(
    call: Call,
    code: str,
    message: str,
    *,
    token: str = "",
    position: int = -1,
) -> Refusal:
    details: list[dict[str, Any]] = [
        {
            "code": "InvalidQuery",
            "message": "Query is invalid. Please refer to the documentation for the Azure Resource "
            "Graph service and fix the error before retrying.",
        },
        {"code": code, "message": message},
    ]
    if token:
        details[1] |= {"line": 1, "characterPositionInLine": position, "token": token}
    return Refusal(
        400,
        "BadRequest",
        "Please provide below info when asking for support: timestamp = "
        f"{moment(call.state.now())}, correlationId = {call.correlation_id}.",
        details=details,
    )
