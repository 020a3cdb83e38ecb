"""A control plane in a file: it survives the process that writes to it, as Azure does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from refused.remedies.apply import Reply, Seen
from refused.remedies.change import ArmWrite, Change

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CACHE = "/subscriptions/s/resourceGroups/prod/providers/Microsoft.Cache/redis/contoso"
RULE = f"{CACHE}/firewallRules/refused_203_0_113_7"


class Plane:
    """Documents by id, and every write that arrived.

    Args:
        lose_answers: Take the write and let the answer be lost.
        slow: How many polls an operation takes.
    """

    def __init__(self, file: Path, *, lose_answers: bool = False, slow: int = 0) -> None:
        self.file = file
        self.lose_answers = lose_answers
        self.slow = slow
        self.on_write: Callable[[], None] = lambda: None
        if not file.exists():
            self._save({"documents": {CACHE: {"id": CACHE, "properties": {}}}, "writes": []})

    @property
    def documents(self) -> dict[str, Any]:
        """Everything there is."""
        return dict(self._load()["documents"])

    @property
    def writes(self) -> list[str]:
        """Every write, as ``METHOD id``."""
        return list(self._load()["writes"])

    def edit(self, path: str, document: dict[str, Any]) -> None:
        """Change a document as somebody else would."""
        held = self._load()
        held["documents"][path] = document
        self._save(held)

    def replace(self, documents: dict[str, Any]) -> None:
        """Put other documents in the place of all that there are, as somebody else would."""
        held = self._load()
        held["documents"] = documents
        self._save(held)

    def read(self, path: str, _api_version: str) -> Reply:
        """Return a document."""
        document = self.documents.get(path)
        return Reply(404 if document is None else 200, document, {})

    def write(self, write: ArmWrite, if_match: str | None) -> Reply:
        """Do it."""
        held = self._load()
        there = held["documents"].get(write.id)
        if if_match is not None and (there or {}).get("etag") != if_match:
            error = {"code": "PreconditionFailed", "message": "the etag is another"}
            return Reply(412, {"error": error}, {})
        if write.method == "DELETE":
            held["documents"].pop(write.id, None)
        elif write.method == "PUT":
            held["documents"][write.id] = {"id": write.id, **json.loads(write.body)}
        held["writes"].append(f"{write.method} {write.id}")
        self._save(held)
        self.on_write()
        if self.lose_answers:
            return Reply(0, None, {})
        if self.slow:
            return Reply(201, {}, {"azure-asyncoperation": "https://arm/operations/1"})
        return Reply(200 if there else 201, {}, {})

    def poll(self, _url: str) -> Reply:
        """Return how the operation stands."""
        self.slow -= 1
        status = "InProgress" if self.slow > 0 else "Succeeded"
        return Reply(200, {"status": status}, {"retry-after": "0"})

    def look(self) -> Seen:
        """Return what a client sees: it is let in where the rule is."""
        works = RULE in self.documents
        return Seen(works=works, says="PING is answered" if works else "silence")

    def _load(self) -> dict[str, Any]:
        held: dict[str, Any] = json.loads(self.file.read_text())
        return held

    def _save(self, held: dict[str, Any]) -> None:
        self.file.write_text(json.dumps(held))


def rule_change(**other: Any) -> Change:
    """Return a change that lets one address in."""
    said: dict[str, Any] = {
        "kind": "firewall-rule",
        "cause": "firewall-ip-blocked",
        "title": "let 203.0.113.7 in",
        "where": "azure",
        "why": "no rule holds it",
        "affects": "nobody",
        "interruption": "none",
        "proof": "PING is answered",
        "hop": "resp",
        "resource_id": CACHE,
        "write": ArmWrite(
            method="PUT",
            id=RULE,
            api_version="2024-11-01",
            body='{"properties": {"startIP": "203.0.113.7", "endIP": "203.0.113.7"}}',
        ),
        "undo": ArmWrite(method="DELETE", id=RULE, api_version="2024-11-01"),
    }
    return Change(**{**said, **other})
