"""What clients, servers, proxies, TLS libraries and systems can print, one line each, and near misses.

``worded.jsonl`` was gathered from what the sources of each can say, not from cases: it shows that no
family of words is left without a name, and guards the names. It measures nothing: where several
causes fit, what the line may lead to was set down with the answers in sight. How often answers are
right on texts that were not seen stands in ``docs/explain-accuracy.md``.

``names`` wants one of the causes named, ``points`` wants one first, ``silent`` wants one within three
and no other named, ``unknown`` wants none named, and a ``decoy`` wants no cause at all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refused.api import explain
from refused.causes import names
from refused.diagnosis.text import NAMED

LINES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "worded.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("told", LINES, ids=[f"{n}-{each['by']}" for n, each in enumerate(LINES)])
def test_a_line_leads_where_it_should(told: dict[str, Any]) -> None:
    """As its grade wants it."""
    causes = explain(told["text"]).causes
    ids, right = [each.id for each in causes], set(told["causes"])
    is_named = bool(causes) and causes[0].probability > NAMED
    kept = {
        "names": is_named and ids[0] in right,
        "points": bool(ids) and ids[0] in right,
        "silent": bool(right & set(ids[:3])) and not (is_named and ids[0] not in right),
        "unknown": not is_named,
        "decoy": not ids,
    }[told["grade"]]

    assert kept, [(each.id, round(each.probability, 2)) for each in causes[:4]]


def test_the_lines_speak_of_causes_that_exist() -> None:
    """A label that is misspelt would be a line that cannot be answered."""
    known = {each.replace("_", "-") for each in names()}
    assert {label for each in LINES for label in each["causes"]} <= known
