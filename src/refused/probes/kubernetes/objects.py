"""Objects of Kubernetes, whether they come from manifests or from a cluster's API, and how to ask them.

Fields that are of another type than the schema says are taken for absent: a manifest that the API
would reject says nothing about what runs.
"""

from __future__ import annotations

from refused.evidence.kubernetes import LabelTest, Selector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from refused.probes.kubernetes.documents import Document

VANTAGE = "control-plane"


class Object:
    """One object.

    Attributes:
        group: Of its API, ``""`` for the core.
        data: The whole of it.
        source: Where it was read.
        is_live: Whether a cluster said it.
    """

    __slots__ = ("kind", "group", "namespace", "name", "data", "source", "is_live")

    def __init__(
        self, data: dict[str, Any], source: str, *, home: str = "default", is_live: bool = False
    ) -> None:
        self.data, self.source, self.is_live = data, source, is_live
        self.kind = text(data.get("kind"))
        self.group = text(data.get("apiVersion")).rpartition("/")[0]
        self.name = text(at(data, "metadata", "name")) or text(
            at(data, "metadata", "generateName")
        ).rstrip("-")
        self.namespace = text(at(data, "metadata", "namespace")) or home

    @property
    def spec(self) -> dict[str, Any]:
        """Its specification."""
        return table(self.data.get("spec"))

    @property
    def labels(self) -> dict[str, str]:
        """Its own labels."""
        return texts(at(self.data, "metadata", "labels"))

    @property
    def annotations(self) -> dict[str, str]:
        """Its own annotations."""
        return texts(at(self.data, "metadata", "annotations"))


def flatten(documents: Iterable[Document], home: str, *, is_live: bool = False) -> Iterator[Object]:
    """Give every object of *documents*, taking lists apart.

    Args:
        home: The namespace of objects that name none.
    """
    for document in documents:
        yield from _flatten(document.data, document.source, home, is_live=is_live)


def _flatten(
    data: Any, source: str, home: str, *, is_live: bool, depth: int = 0
) -> Iterator[Object]:
    if isinstance(data, list):
        items: Any = data  # a file of JSON that holds several
    elif not isinstance(data, dict):
        return
    elif text(data.get("kind")).endswith("List") and isinstance(data.get("items"), list):
        kind, version = data["kind"][: -len("List")], data.get("apiVersion")
        items = [
            {"apiVersion": version, "kind": kind, **each}
            if kind and "kind" not in table(each)
            else each
            for each in data["items"]
            if isinstance(each, dict)
        ]
    else:
        if data.get("kind"):
            yield Object(data, source, home=home, is_live=is_live)
        return
    if depth < 5:
        for each in items:
            yield from _flatten(each, source, home, is_live=is_live, depth=depth + 1)


# --- asking --------------------------------------------------------------------------------------


def at(data: Any, *path: str) -> Any:
    """Return what stands under *path*; ``None`` where nothing does."""
    for key in path:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def text(value: Any) -> str:
    """Return a text, or ``""``."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> int | None:
    """Return a whole number, also one that stands in a text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 1 << 31 else None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value) if len(value) < 10 else None
    return None


def truth(value: Any) -> bool | None:
    """Return a truth value, also one that stands in a text, as annotations have them."""
    if isinstance(value, bool):
        return value
    word = text(value).strip().lower()
    if word in ("true", "yes", "on", "1", "enabled"):
        return True
    if word in ("false", "no", "off", "0", "disabled"):
        return False
    return None


def table(value: Any) -> dict[str, Any]:
    """Return a table whose keys are texts."""
    return (
        {key: each for key, each in value.items() if isinstance(key, str)}
        if isinstance(value, dict)
        else {}
    )


def rows(value: Any) -> list[dict[str, Any]]:
    """Return the tables of a list."""
    return (
        [table(each) for each in value if isinstance(each, dict)] if isinstance(value, list) else []
    )


def words(value: Any) -> tuple[str, ...]:
    """Return the texts of a list."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def texts(value: Any) -> dict[str, str]:
    """Return a table of texts: labels or annotations. Numbers, which the API refuses, are shown as text."""
    return {
        key: each
        if isinstance(each, str)
        else str(each).lower()
        if isinstance(each, bool)
        else str(each)
        for key, each in table(value).items()
        if isinstance(each, str | int | float)
    }


def pairs(value: Any) -> tuple[tuple[str, str], ...]:
    """Return a table of texts in a fixed order."""
    return tuple(sorted(texts(value).items()))


def selector(value: Any) -> Selector:
    """Read a LabelSelector."""
    said = table(value)
    tests = tuple(
        LabelTest(
            key=text(each.get("key")),
            operator=text(each.get("operator")),
            values=words(each.get("values")),
        )
        for each in rows(said.get("matchExpressions"))
    )
    return Selector(labels=pairs(said.get("matchLabels")), tests=tests)


def ranges(value: str) -> tuple[tuple[tuple[int, int], ...], bool]:
    """Read ``6380,15000-15003`` as ranges of ports, and whether all of it could be read."""
    found, is_whole = [], True
    for part in value.split(","):
        word = part.strip()
        if not word:
            continue
        first, dash, last = word.partition("-")
        low, high = number(first.strip()), number(last.strip()) if dash else number(first.strip())
        if low is None or high is None or not 0 < low <= high < 65536:
            is_whole = False
            continue
        found.append((low, high))
    return tuple(found), is_whole
