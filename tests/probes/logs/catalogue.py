"""Patterns for the tests of reading logs: a few of our own, and the whole catalogue."""

from __future__ import annotations

from refused.diagnosis.signatures import all_patterns, all_signatures
from refused.evidence.error_words import WORDINGS

FEW = (
    ("refused", r"connection refused|\bECONNREFUSED\b", True),
    ("reset", r"\bECONNRESET\b", False),
    ("noauth", r"\bNOAUTH\b", False),
    ("timeout", r"Timeout performing [A-Z]{2,20}", False),
    ("eof", r"(?:: |^|err=)EOF(?:[ ,]|$)", False),
)


def whole() -> list[tuple[str, str, bool]]:
    """Return the catalogue as it is handed to a scanner."""
    return [(each.id, each.pattern, each.ignores_case) for each in all_patterns()]


def examples() -> list[str]:
    """Return a line for every pattern of the catalogue."""
    return [each.example for _, each in all_signatures()] + [each.example for each in WORDINGS]
