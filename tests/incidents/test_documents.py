"""Timeline, five whys, review, figures, support case and regression: what they say, and what never."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.api import read_text
from refused.causes import names
from refused.evidence.bundle import Bundle
from refused.evidence.control_plane import AzureCache, ClientAddress, FirewallRules, ResourceChange
from refused.evidence.observations import DnsAnswer, NameLookup, TcpDial
from refused.evidence.target import Target
from refused.incidents import picture, review
from refused.incidents.record import Entry, Incident
from refused.incidents.regression import CannotReproduce, regression
from refused.incidents.stats import advice, stats
from refused.incidents.support import support_case
from refused.incidents.timeline import durations, timeline
from refused.incidents.whys import whys

CACHE = "/subscriptions/s/resourceGroups/prod/providers/Microsoft.Cache/redis/contoso"
BEGAN = 1_795_650_900.0
HERE: dict[str, Any] = {"vantage": "here", "at": BEGAN + 600, "took_ms": 1.0, "source": "test"}
AZURE: dict[str, Any] = {**HERE, "vantage": "control-plane"}


def evidence() -> Bundle:
    """Return what was seen that night: silence, rules without this client, and who deleted one."""
    host = "contoso.redis.cache.windows.net"
    return Bundle(
        target=Target(text=f"{host}:6380", form="host", host=host, port=6380, tls=True, service="acr"),
        taken_at=BEGAN + 600,
        tool="refused test",
        facts=(
            NameLookup(**HERE, host=host, outcome="answered", addresses=("20.42.65.90",)),
            DnsAnswer(**HERE, host=host, resolver="10.0.0.2:53", transport="udp", qtype="A", outcome="answered"),
            TcpDial(**HERE, address="20.42.65.90", port=6380, outcome="silent"),
            AzureCache(**AZURE, id=CACHE, service="acr", name="contoso", host=host, provisioning_state="Succeeded", public_access="Enabled", tls_port=6380, tls=True, sku="Standard", family="C", capacity=1),
            FirewallRules(**AZURE, resource_id=CACHE, rules=()),
            ClientAddress(**AZURE, address="203.0.113.7", how="given"),
            ResourceChange(**AZURE, when=BEGAN - 240, operation="Microsoft.Cache/redis/firewallRules/delete", resource_id=f"{CACHE}/firewallRules/aks", status="Succeeded", caller="pipeline@contoso.example", correlation_id="c-1"),
            ResourceChange(**AZURE, when=BEGAN - 90_000, operation="Microsoft.Cache/redis/write", resource_id=CACHE, status="Succeeded"),
        ),
    )  # fmt: skip


def incident(*entries: Entry, **other: Any) -> Incident:
    """Return an incident with its evidence."""
    kept = Entry(
        at=BEGAN + 600, kind="evidence", title="diagnosis", data=json.dumps(evidence().to_json())
    )
    said: dict[str, Any] = {
        "id": "20261126-0312-7f3a",
        "title": "Checkout fails",
        "target": "contoso",
        "opened_at": BEGAN + 300,
        "began_at": BEGAN,
        "detected_at": BEGAN + 120,
        "diagnosed_at": BEGAN + 600,
        "resolved_at": BEGAN + 900,
        "cause": "firewall-ip-blocked",
        "bucket": "configuration",
        "severity": 1,
        "entries": (kept, *entries),
    }
    return Incident(**{**said, **other})


def test_the_timeline_is_in_order_and_holds_what_was_changed_before() -> None:
    """The deletion four minutes earlier is in it; the write of the day before is not."""
    moments = timeline(incident(Entry(at=BEGAN + 50, kind="error", title="it timed out")))

    assert [each.at for each in moments] == sorted(each.at for each in moments)
    said = [each.says for each in moments]
    assert any("firewallRules/delete by pipeline@contoso.example" in each for each in said)
    assert "it timed out" in said
    assert not any(each.startswith("Microsoft.Cache/redis/write") for each in said)


def test_durations_count_from_the_first_failure() -> None:
    """And what is not known is not made up."""
    assert durations(incident()) == (
        ("time to detect", 120.0),
        ("time to diagnose", 600.0),
        ("time to resolve", 900.0),
    )
    assert durations(incident(began_at=None))[0] == ("time to detect", None)


def test_the_whys_lead_from_the_symptom_to_the_change() -> None:
    """Four are filled in from the evidence; the process is asked of people."""
    change = {"settings": [{"name": "firewall rule aks", "before": None, "after": "203.0.113.7"}]}
    asked = whys(
        incident(
            Entry(at=BEGAN + 800, kind="change", title="let it in: kept", data=json.dumps(change))
        )
    )

    assert [why.name for why in asked] == ["symptom", "mechanism", "setting", "change", "process"]
    assert "failed at tcp" in asked[0].answer
    assert "firewall-ip-blocked" in asked[1].answer
    assert asked[2].answer.startswith("Firewall rule aks was not there")
    assert "pipeline@contoso.example, 4 minutes before" in asked[3].answer
    assert "c-1" in asked[3].evidence
    assert asked[4].answer == ""
    assert asked[4].evidence


def test_a_change_after_the_time_that_was_given_is_told_as_that() -> None:
    """People guess when it began, and a guess may leave out the change that did it."""
    asked = whys(incident(began_at=BEGAN - 100_000))

    assert asked[3].answer == ""
    assert "redis/write came 3 hours after the time that was given" in asked[3].evidence


def test_what_a_person_answers_stands() -> None:
    """The last answer wins, and says that it is one."""
    answers = [
        Entry(at=BEGAN + at, kind="why", title="", data=json.dumps({"level": 5, "answer": text}))
        for at, text in ((1, "first"), (2, "nobody reviews rules"))
    ]

    last = whys(incident(*answers))[4]

    assert (last.answer, last.filled_in) == ("nobody reviews rules", False)


def test_without_evidence_everything_is_asked() -> None:
    """Nothing is made up."""
    bare = Incident(id="x", title="It fails", target="t", opened_at=1.0)

    assert [why.answer for why in whys(bare)] == [""] * 5
    assert "Not found yet" in review.markdown(bare)


def test_the_review_blames_nobody_and_says_all() -> None:
    """Every section is there, in both languages."""
    said = incident(
        Entry(
            at=BEGAN + 10, kind="error", title="Timeout", data="Timeout performing GET\n  at X ```"
        ),
        Entry(at=BEGAN + 800, kind="action", title="review rules like code"),
    )

    text, page = review.markdown(said), review.html(said)

    for section in review.sections(said):
        assert f"## {section.title}" in text
        assert f"<h2>{section.title}</h2>" in page
    for wanted in ("review rules like code", "Timeout performing GET", "firewall-ip-blocked"):
        assert wanted in text.replace("\\", "")
        assert wanted in page
    assert "````\nTimeout performing GET\n  at X ```\n````" in text
    assert "pipeline@contoso.example" in " ".join(each.says for each in timeline(said))
    for document in (text, page):
        assert "contoso.example" not in document
        assert "by a person, 4 minutes before the first failure" in document


class Tags(HTMLParser):
    """Sees whether a page is well-formed, and what it loads."""

    VOID = frozenset({"meta", "rect", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        if tag not in self.VOID:
            self.open.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that ends where it begins."""
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        assert self.open.pop() == tag


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_breaks_a_page(title: str, error: str) -> None:
    """What a client printed is text in it, never markup."""
    said = Incident(
        id="i",
        title=title,
        target="t",
        opened_at=1.0,
        entries=(Entry(at=1.0, kind="error", title=error, data=error),),
    )

    tags = Tags()
    tags.feed(review.html(said))

    assert tags.open == []
    assert tags.loaded == []
    assert "script" not in [tag.lower() for tag in tags.open]


def many() -> list[Incident]:
    """Return a quarter of incidents."""
    hour = 3600.0
    rows = [
        ("firewall-ip-blocked", "configuration", "a", 4 * hour),
        ("firewall-ip-blocked", "configuration", "a", 2 * hour),
        ("max-clients-reached", "capacity", "b", 60.0),
        ("max-clients-reached", "capacity", "c", 60.0),
        ("max-clients-reached", "capacity", "d", 60.0),
        ("", "", "e", 60.0),
    ]
    return [
        Incident(id=str(at), title="t", target=where, opened_at=BEGAN + at * 40 * 86400, began_at=BEGAN + at * 40 * 86400, resolved_at=BEGAN + at * 40 * 86400 + took, closed_at=1.0, cause=cause, bucket=bucket)
        for at, (cause, bucket, where, took) in enumerate(rows)
    ]  # fmt: skip


def test_the_figures_weigh_time_and_not_number() -> None:
    """Three blips cost less than two nights."""
    found = stats(many())

    assert (found.count, found.unknown, found.open) == (6, 1, 0)
    assert found.by_bucket[0].name == "capacity"
    assert found.by_cause[1].repeats == 1
    assert advice(found).startswith("Most time went into configuration")
    assert sum(count for _, count in found.months) == 6
    assert all(count >= 0 for _, count in found.months)
    assert len(found.months) == len({month for month, _ in found.months})


def test_too_little_says_so() -> None:
    """One incident is no trend."""
    assert advice(stats(many()[:1])).startswith("Too few")
    assert picture.text(stats([])) == "No incident has been kept yet."


def test_the_picture_is_text_and_a_page() -> None:
    """Bars in both."""
    found = stats(many())
    tags = Tags()
    tags.feed(picture.html(found))

    assert tags.open == []
    assert "####" in picture.text(found)
    assert "<svg" in picture.html(found)


def test_a_support_case_has_what_is_asked_for() -> None:
    """Times, ids, error, configuration, evidence."""
    case = support_case(
        incident(
            Entry(at=BEGAN, kind="error", title="Timeout", data="Timeout performing GET"),
            Entry(at=BEGAN, kind="request", title="r-17"),
        )
    )

    assert case["resource_ids"] == [CACHE]
    assert "r-17" in case["request_ids"]
    assert "correlation_id: c-1" in case["request_ids"]
    assert case["errors"] == ["Timeout performing GET"]
    assert case["times_utc"]["began_at"].startswith("2026-11-2")
    assert case["configuration"][0]["kind"] == "AzureCache"
    assert Bundle.from_json(case["evidence"][0]).target.port == 6380
    assert case["client"] == {"tool": "refused test"}


def test_a_support_case_names_the_client_and_its_version() -> None:
    """As the error's own words tell."""
    errors = read_text(
        "Timeout performing GET key (5000ms), inst: 0, qs: 12, serverEndpoint: "
        "contoso.redis.cache.windows.net:6380, mgr: 9 of 10 available, v: 2.7.33.41805"
    )

    assert support_case(incident(), errors)["client"] == {
        "client": "stackexchange",
        "version": "2.7",
        "runtime": "dotnet",
        "tool": "refused test",
    }


def test_a_regression_is_three_files() -> None:
    """The evidence, a world, and a test that compiles."""
    files = regression(incident())

    assert sorted(name.rpartition(".")[2] for name in files) == ["json", "py", "toml"]
    code = next(text for name, text in files.items() if name.endswith(".py"))
    compile(code, "test.py", "exec")
    assert 'CAUSE = "firewall-ip-blocked"' in code
    assert 'name = "contoso"' in next(
        text for name, text in files.items() if name.endswith(".toml")
    )


@pytest.mark.parametrize(
    "bare",
    [
        incident(cause=""),
        Incident(id="x", title="t", target="t", opened_at=1.0, cause="auth-missing"),
    ],
)
def test_without_evidence_or_cause_there_is_no_regression(bare: Incident) -> None:
    """One line says what is missing."""
    with pytest.raises(CannotReproduce, match="incident"):
        regression(bare)


@given(st.sampled_from([name.replace("_", "-") for name in names()]))
def test_every_cause_can_be_reviewed(cause: str) -> None:
    """The catalogue's words stand in the review."""
    assert cause in review.markdown(incident(cause=cause, bucket="")).replace("\\", "")
