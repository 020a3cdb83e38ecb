"""A dictionary of documents that finds children and types without walking through all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Document = dict[str, Any]


class Store(dict[str, Document]):
    """Documents by their id in lower case.

    Only item by item is it written: ``update`` and the like would pass its lists by.
    """

    def __init__(self) -> None:
        super().__init__()
        self._below: dict[str, dict[str, None]] = {}  # keys only; a dictionary keeps their order
        self._of_type: dict[str, dict[str, None]] = {}

    def __setitem__(self, id: str, document: Document) -> None:  # noqa: A002  # ARM's word
        if id not in self:
            self._below.setdefault(id.rpartition("/")[0], {})[id] = None
            self._of_type.setdefault(type_of(id), {})[id] = None
        super().__setitem__(id, document)

    def __delitem__(self, id: str) -> None:  # noqa: A002
        super().__delitem__(id)
        del self._below[id.rpartition("/")[0]][id]
        del self._of_type[type_of(id)][id]

    def pop(self, id: str, default: Any = None) -> Any:  # noqa: A002
        """Remove a document and return it, or *default*."""
        if id not in self:
            return default
        document = self[id]
        del self[id]
        return document

    def below(self, collection: str) -> Iterator[Document]:
        """Return the documents right below ``…/cache/firewallrules``, in lower case."""
        for id in list(self._below.get(collection, ())):  # noqa: A001
            if (found := self.get(id)) is not None:
                yield found

    def of_type(self, type: str) -> Iterator[tuple[str, Document]]:  # noqa: A002
        """Return the ids and documents of a type, in lower case."""
        for id in list(self._of_type.get(type, ())):  # noqa: A001
            if (found := self.get(id)) is not None:
                yield id, found


def type_of(id: str) -> str:  # noqa: A002
    """Return the type that an id speaks of, in lower case: ``microsoft.cache/redis``.

    >>> type_of("/subscriptions/s/resourceGroups/g/providers/A.B/things/t/parts/p")
    'a.b/things/parts'
    """
    parts = id.strip("/").lower().split("/")
    if "providers" not in parts:
        return "microsoft.resources/" + (parts[-2] if len(parts) > 1 else "")
    at = len(parts) - 1 - parts[::-1].index("providers")
    return "/".join([parts[at + 1], *parts[at + 2 :: 2]]) if len(parts) > at + 1 else ""
