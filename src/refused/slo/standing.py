"""What stands in Azure already against what is wanted: nothing to do, to make, or to change.

Azure adds fields of its own and keeps no case in ids, so only what we would write is compared.
"""

from __future__ import annotations

import json

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from refused.slo.bodies import Document


class Standing(Record):
    """One resource of the plan, and how it stands in Azure.

    Attributes:
        state: ``missing``, ``same``, ``different``, or ``elsewhere``: another rule of the subscription
            does the same already, so that a second one would only ring twice.
        differences: What would change, one line each, where it is ``different``.
        other: The id of the rule that does the same.
    """

    document: Document
    state: str
    differences: tuple[str, ...] = ()
    other: str = ""


def compare(
    wanted: Document, found: dict[str, Any] | None, others: tuple[Any, ...] = ()
) -> Standing:
    """Compare one document with what a GET of its id gave.

    Args:
        found: ``None`` where there is none.
        others: Further rules on the activity log of this subscription, as a list gave them.
    """
    data = wanted.data
    if found is None:
        if data["properties"].get("condition"):
            twin = next((each for each in others if _does_the_same(data, each, wanted.id)), None)
            if twin is not None:
                return Standing(document=wanted, state="elsewhere", other=str(twin.get("id", "")))
        return Standing(document=wanted, state="missing")
    lines = tuple(_differences("", data["properties"], found.get("properties") or {}))
    return Standing(document=wanted, state="different" if lines else "same", differences=lines)


def merged(wanted: Document, found: dict[str, Any]) -> str:
    """Return the body of an update: what we want, and of the rest whatever stands there."""
    data = wanted.data
    body = {
        "location": found.get("location") or data["location"],
        **({"tags": found["tags"]} if found.get("tags") else {}),
        "properties": _over(found.get("properties") or {}, data["properties"]),
    }
    return json.dumps(body, ensure_ascii=False)


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in below.items() if value is not None}
    for name, value in above.items():
        under = kept.get(name)
        kept[name] = (
            _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
        )
    return kept


def _does_the_same(wanted: dict[str, Any], other: Any, own_id: str) -> bool:
    """Whether an enabled rule that tells somebody has the same condition and scope."""
    said = (other or {}).get("properties") or {}
    actions = (said.get("actions") or {}).get("actionGroups")
    if str(other.get("id", "")).lower() == own_id.lower() or not said.get("enabled", True):
        return False
    ours = wanted["properties"]
    same_condition = not [*_differences("", ours["condition"], said.get("condition") or {})]
    return (
        bool(actions)
        and same_condition
        and len((said.get("condition") or {}).get("allOf") or ()) == len(ours["condition"]["allOf"])
        and [_plain(each) for each in ours["scopes"]]
        == [_plain(each) for each in said.get("scopes") or ()]
    )


def _differences(where: str, wanted: Any, found: Any) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        known = {name.lower(): value for name, value in found.items()}
        for name, value in wanted.items():
            yield from _differences(
                f"{where}.{name}" if where else name, value, known.get(name.lower())
            )
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for n, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(f"{where}[{n}]", one, other)
    elif _plain(wanted) != _plain(found) and not (_is_empty(wanted) and _is_empty(found)):
        yield f"{where} is {_short(found)} and becomes {_short(wanted)}"


def _is_empty(value: Any) -> bool:
    return value in (None, "", [], {})


def _plain(value: Any) -> Any:
    """Return a value as it compares: ids without case, numbers as numbers."""
    if isinstance(value, str) and value.lower().startswith(("/subscriptions/", "subscriptions/")):
        return "/" + value.strip("/").lower()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value


def _short(value: Any) -> str:
    text = "not there" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "…"
