"""Texts that were written before it was seen how they are answered.

``written.jsonl`` holds what clients of many languages print, from knowledge of their sources, each
with its cause and how much the text tells of it: ``names`` and ``points`` want the cause first,
``silent`` wants it within three and no wrong one named, ``unknown`` wants none named, and a
``decoy`` wants no cause at all. How many were right at the first run stands in
``docs/explain-accuracy.md``; since then they guard what was mended.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refused.api import explain
from refused.causes import names
from refused.diagnosis.text import NAMED

TEXTS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "written.jsonl").read_text("utf-8").splitlines()
]
# Nothing that holds for other texts as well is known to mend these.
NOT_YET: dict[str, str] = {}


@pytest.mark.parametrize("told", TEXTS, ids=[each["id"] for each in TEXTS])
def test_a_written_text_is_answered(told: dict[str, Any]) -> None:
    """As its grade wants it."""
    causes = explain(told["text"]).causes
    ids = [each.id for each in causes]
    right = {told["cause"], *told.get("also", ())}
    is_named = bool(causes) and causes[0].probability > NAMED
    kept = {
        "decoy": not ids,
        "unknown": not is_named,
        "silent": told["cause"] in ids[:3] and not (is_named and ids[0] not in right),
    }.get(told["grade"], ids[:1] != [] and ids[0] in right)

    assert kept != (told["id"] in NOT_YET), (ids[:4], NOT_YET.get(told["id"]))


def test_the_texts_speak_of_causes_that_exist() -> None:
    """A label that is misspelt would be a text that cannot be answered."""
    known = {each.replace("_", "-") for each in names()}
    labels = {label for each in TEXTS for label in (each["cause"], *each.get("also", ()))}
    assert labels - {""} <= known
    assert len({each["id"] for each in TEXTS}) == len(TEXTS)
