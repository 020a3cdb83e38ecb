"""When which service ends, and what that means for a connection.

A plan of October 2025 to close creation for everybody on 1 October 2026 was withdrawn in July 2026;
it is left out here, and sources from before then are stale.
"""

from __future__ import annotations

from refused.service.facts import (
    AMR_WHATS_NEW,
    CHANGELOG,
    LIKELY,
    RETIREMENT_FAQ,
    SURE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from refused.service.facts import Certainty, Service

    EventKind = Literal[
        "announced", "creation-ends", "retires", "disabled", "migrated", "preview", "available"
    ]

# A date without a day is a month of which nobody named the day.
# Shape: (service, date, kind, what happens, source, certainty).
EVENTS: tuple[tuple[Service, str, EventKind, str, str, Certainty], ...] = (
    ("amr", "2025-05", "available", "general availability", AMR_WHATS_NEW, SURE),
    ("acr", "2025-10", "announced", "retirement announced", RETIREMENT_FAQ, SURE),
    ("acre", "2025-10", "announced", "retirement announced", RETIREMENT_FAQ, SURE),
    (
        "acr",
        "2026-04-01",
        "creation-ends",
        "tenants that never had one can no longer create one; the others can, until it retires",
        RETIREMENT_FAQ,
        LIKELY,
    ),
    ("acre", "2026-04-01", "creation-ends", "nobody can create one", RETIREMENT_FAQ, SURE),
    ("acr", "2026-04", "preview", "migration by Azure's tooling, a preview", CHANGELOG, SURE),
    ("acre", "2026-04", "available", "migration by Azure's tooling", CHANGELOG, SURE),
    ("acre", "2027-03-31", "retires", "the Enterprise tiers retire", RETIREMENT_FAQ, SURE),
    (
        "acre",
        "2027-04-01",
        "migrated",
        "what is left is moved to Managed Redis",
        RETIREMENT_FAQ,
        SURE,
    ),
    ("acr", "2028-09-30", "retires", "Basic, Standard and Premium retire", RETIREMENT_FAQ, SURE),
    ("acr", "2028-10-01", "disabled", "what is left is disabled", RETIREMENT_FAQ, SURE),
)


def retires_on(service: Service) -> str | None:
    """Return the last day of *service* as an ISO date; ``None`` where no end is announced."""
    for name, day, kind, _, _, _ in EVENTS:
        if (name, kind) == (service, "retires"):
            return day
    return None


def days_left(service: Service, today_iso: str) -> int | None:
    """Count the days from *today_iso* to the last day of *service*; negative once it is past.

    >>> days_left("acr", "2028-09-01")
    29

    Raises:
        ValueError: *today_iso* is no date of the form ``2026-11-23``.
    """
    today = day_number(today_iso)
    last = retires_on(service)
    return None if last is None else day_number(last) - today


def day_number(iso: str) -> int:
    """Number the days of the Gregorian calendar, 1970-01-01 being 0.

    Raises:
        ValueError: *iso* is no date of the form ``2026-11-23``.
    """
    parts = iso.split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(
        part.isascii() and part.isdigit() for part in parts
    ):
        raise ValueError(f"not a date like 2026-11-23: {iso[:20]!r}")
    year, month, day = (int(part) for part in parts)
    if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= _days_of(month, year)):
        raise ValueError(f"no such day: {iso}")
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += sum(_days_of(each, year) for each in range(1, month)) + day
    return days - 719_163  # days up to and with 1970-01-01


def _days_of(month: int, year: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
