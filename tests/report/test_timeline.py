"""What a log tells over time, as text and as JSON."""

from __future__ import annotations

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from refused.diagnosis.signatures import all_patterns, matcher, own_ids
from refused.probes.logs.facts import facts_of
from refused.probes.logs.read import read_logs, scanner_for
from refused.probes.logs.sources import Source
from refused.report.timeline import Timeline

NOW = 1_795_665_600.0  # 2026-11-26T04:00:00Z
PATTERNS = all_patterns()
SCANNER = scanner_for([(each.id, each.pattern, each.ignores_case) for each in PATTERNS], "portable")
MATCH, OWN = matcher(), own_ids()


def of(text: str) -> Timeline:
    """Return the timeline of a log."""
    read = read_logs([Source("-", stdin=io.BytesIO(text.encode()))], SCANNER, now=NOW)
    return Timeline(read, facts_of(read, MATCH, OWN), {each.id: each.cause for each in PATTERNS})


def minutes(count: int, *said: str, start: int = 0) -> str:
    """Return a line for each said thing in each of *count* minutes."""
    lines = []
    for at in range(start, start + count):
        for place, text in enumerate(said):
            lines.append(f"2026-11-25T{at // 60:02d}:{at % 60:02d}:{place % 60:02d}.000Z {text}")
    return "\n".join(lines) + "\n"


FULL = "ERROR ReplyError: ERR max number of clients reached"
QUIET = "INFO cart answered"
STORY = minutes(120, QUIET) + minutes(60, QUIET, FULL, FULL, FULL, start=120)


def test_an_onset_is_told_with_the_rate_before_and_after() -> None:
    """The log was fine for two hours, and then it was not."""
    data = of(STORY).to_data()
    (group,) = data["groups"]
    assert group["causes"][0] == "max-clients-reached"
    assert group["count"] == 180
    assert group["onset"].startswith("2026-11-25T02:0") or group["onset"] == "2026-11-25T01:59:00Z"
    assert group["normal_per_minute"] == 0
    assert group["first_at"] == "2026-11-25T02:00:01Z"
    assert data["from"] == "2026-11-25T00:00:00Z"
    assert data["overall"]["onset"] == group["onset"]
    text = "\n".join(of(STORY).to_lines(200))
    assert "left the normal 0 a minute at 2026-11-25T0" in text
    assert "then 3 a minute" in text


def test_a_group_names_cause_client_host_address_and_line() -> None:
    """And quotes the words as they stand."""
    line = "2026-11-25T10:00:00Z ERROR Error 111 connecting to cache.example.com:6379. Connection refused."
    data = of(f"fine\n{line}\n{line}\n").to_data()
    (group,) = data["groups"]
    assert (group["client"], group["host"], group["port"]) == (
        "redis-py",
        "cache.example.com",
        6379,
    )
    assert group["quotes"][0] == {"file": "", "line": 2, "at": "2026-11-25T10:00:00Z", "text": line}
    assert group["last"] == {"file": "", "line": 3}


def test_errors_of_other_services_are_no_group_but_are_counted() -> None:
    """A database that refuses is no evidence against a cache."""
    text = minutes(
        5, "ERROR could not connect to postgres at db.example.com:5432: Connection refused"
    )
    data = of(text).to_data()
    assert data["groups"] == []
    assert data["other_services"] == [{"endpoint": "db.example.com:5432", "count": 5}]


def test_what_no_pattern_knows_is_shown_by_template() -> None:
    """With its count and a quote."""
    text = minutes(7, "ERROR redis gizmo 17 failed to frobnicate")
    (unknown,) = of(text).to_data()["unknown"]
    assert unknown["count"] == 7
    assert unknown["template"] == "ERROR redis gizmo <n> failed to frobnicate"
    assert unknown["quotes"][0]["line"] == 1
    assert "Not known to me" in "\n".join(of(text).to_lines())


def test_times_without_a_zone_get_none() -> None:
    """And the note says so."""
    data = of("2026-11-25 10:00:00,123 ERROR ERR max number of clients reached\n").to_data()
    assert data["groups"][0]["first_at"] == "2026-11-25T10:00:00"
    assert any("zone" in note for note in data["notes"])


def test_a_log_without_times_has_counts_and_says_that_it_has_no_rates() -> None:
    """Nothing is made up."""
    data = of("ERR max number of clients reached\n" * 20).to_data()
    assert data["groups"][0]["count"] == 20
    assert data["groups"][0]["onset"] is None
    assert any("carries a time" in note for note in data["notes"])


def test_a_rhythm_is_told() -> None:
    """Every ten minutes, as idle connections die."""
    text = "".join(
        f"2026-11-25T{at // 6:02d}:{at % 6}0:00Z [ioredis] Unhandled error event: Error: read ECONNRESET\n"
        for at in range(30)
    )
    assert of(text).to_data()["groups"][0]["every_s"] == 600
    assert "one about every 600 s" in "\n".join(of(text).to_lines(200))


def test_few_groups_are_shown_and_the_rest_is_told() -> None:
    """Verbose shows all."""
    text = "".join(
        f"2026-11-25T10:00:00Z Error: connect ECONNREFUSED 10.1.2.{at}:6379\n" for at in range(20)
    )
    short, long = of(text).to_lines(), of(text).to_lines(verbose=True)
    assert any("12 more groups" in line for line in short)
    assert len(long) > len(short)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from([FULL, QUIET, STORY[:300]]), st.text(max_size=60)), max_size=12
    )
)
def test_any_log_has_a_timeline(parts: list[str]) -> None:
    """As JSON, and as lines without control characters of its own making."""
    timeline = of("\n".join(parts))
    json.dumps(timeline.to_data())
    assert all("\n" not in line for line in timeline.to_lines())
