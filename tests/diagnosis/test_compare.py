"""What differs between places is told where it may explain that one works and another does not."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from refused.diagnosis.compare import Difference, differences, is_blind
from refused.diagnosis.judge import diagnose
from refused.evidence.bundle import Bundle, Evidence
from refused.evidence.observations import (
    Elsewhere,
    KernelSettings,
    Platform,
    ProxyVariables,
    RedisReply,
    TcpDial,
    Unseen,
)
from refused.evidence.parse_target import parse_target
from refused.report import Report

TARGET = parse_target("redis://10.0.0.4:6379").target


def place(name: str, **values: Any) -> Elsewhere:
    """Return what one place saw in short."""
    known: dict[str, Any] = {
        "healthy": False,
        "path": (),
        "broken_at": "tcp",
        "broken_how": "silent",
    }
    stamp: dict[str, Any] = {"at": 1.0, "took_ms": 0.0, "source": "test"}
    return Elsewhere(vantage=name, **{**stamp, **known, **values})


def works(name: str, **values: Any) -> Elsewhere:
    """Return a place from which it works."""
    return place(name, healthy=True, broken_at="", broken_how="", **values)


def told(*places: Elsewhere) -> dict[str, dict[str, str]]:
    """Return the differences by what they are."""
    verdicts = {each.vantage: "healthy" if each.healthy else "fault" for each in places}
    return {each.what: dict(each.values) for each in differences(places, verdicts)}


def test_every_aspect_is_told_by_its_name() -> None:
    """Side by side, in the order of the path."""
    here = place(
        "here", addresses=("20.1.2.3",), resolvers=("8.8.8.8",), answers=(("8.8.8.8:53", "20.1.2.3"),),
        source_address="10.1.0.4", route="by 10.1.0.1 on eth0", filters=("drop 6379",), path_mtu=1400,
        tls_version="1.2", certificate_issuer="CN=Corp", platform="kubernetes", mesh="istio",
        proxies=(("HTTPS_PROXY", "http://proxy"),), kernel=(("tcp_syn_retries", "2"),),
    )  # fmt: skip
    web = works(
        "web", addresses=("10.0.0.4",), resolvers=("168.63.129.16",),
        answers=(("168.63.129.16:53", "x.privatelink.example, 10.0.0.4"),), source_address="10.2.0.4",
        route="by 10.2.0.1 on eth0", filters=(), path_mtu=1500, tls_version="1.3",
        certificate_issuer="CN=DigiCert", platform="host", mesh="", proxies=(),
        kernel=(("tcp_syn_retries", "6"),),
    )  # fmt: skip

    said = told(here, web)

    assert list(said) == [
        "path", "addresses given", "resolvers", "resolver answer", "source address", "route",
        "packet filter", "path MTU", "TLS version", "TLS issuer", "platform", "mesh",
        "proxy variables", "kernel's tcp_syn_retries",
    ]  # fmt: skip
    assert said["mesh"] == {"here": "istio", "web": "none"}
    assert said["resolver answer"]["web"] == "x.privatelink.example, 10.0.0.4"
    assert said["proxy variables"] == {"here": "HTTPS_PROXY=http://proxy", "web": "none"}


def test_what_a_place_did_not_tell_is_no_difference() -> None:
    """Unseen is not another value."""
    assert "mesh" not in told(place("here", mesh=None), works("web", mesh="istio"))
    three = told(place("a", mesh=None), place("b", mesh="istio"), works("c", mesh=""))
    assert three["mesh"] == {"a": "?", "b": "istio", "c": "none"}


def test_what_also_differs_among_those_that_work_explains_nothing() -> None:
    """Two that work have different platforms, and the one that fails shares one of them."""
    said = told(
        place("a", platform="host", mesh="istio"),
        works("b", platform="host", mesh=""),
        works("c", platform="container", mesh=""),
    )

    assert "platform" not in said
    assert "mesh" in said


def test_places_that_all_work_are_not_compared() -> None:
    """There is nothing to explain."""
    assert told(works("a", mesh="istio"), works("b", mesh="")) == {}


def test_places_that_all_fail_are_compared_all_the_same() -> None:
    """Each may fail for a reason of its own."""
    said = told(place("a"), place("b", broken_at="tls", broken_how="untrusted"))

    assert said == {"path": {"a": "fails at tcp: silent", "b": "fails at tls: untrusted"}}


def test_looks_that_lie_far_apart_are_said_to() -> None:
    """A saved bundle may be of yesterday."""
    said = told(place("a", at=1.0), works("b", at=86401.0))

    assert said["time of the look"] == {"a": "1970-01-01 00:00:01", "b": "1970-01-02 00:00:01"}
    assert "time of the look" not in told(place("a", at=1.0), works("b", at=90.0))


TEXTS = st.one_of(st.none(), st.sampled_from(["x", "y", "z"]))


@given(st.lists(st.tuples(st.booleans(), TEXTS, TEXTS), max_size=5))
def test_a_difference_that_separates_has_no_value_in_common(
    places: list[tuple[bool, str | None, str | None]],
) -> None:
    """And every place is in every row."""
    seen = [
        place(str(at), healthy=is_well, mesh=mesh, platform=kind)
        for at, (is_well, mesh, kind) in enumerate(places)
    ]
    verdicts = {each.vantage: "healthy" if each.healthy else "fault" for each in seen}

    for each in differences(seen, verdicts):
        assert isinstance(each, Difference)
        assert [vantage for vantage, _ in each.values] == [one.vantage for one in seen]
        if any(one.healthy for one in seen):
            well = {value for vantage, value in each.values if verdicts[vantage] == "healthy"}
            ill = {value for vantage, value in each.values if verdicts[vantage] != "healthy"}
            assert not (well & ill) - {"?"}


# --- in a diagnosis ----------------------------------------------------------------------------------


def facts(vantage: str, outcome: Any, **others: Any) -> tuple[Any, ...]:
    """Return a walk in short."""
    common: dict[str, Any] = {"vantage": vantage, "at": 1.0, "took_ms": 1.0, "source": "test"}
    dial = TcpDial(address="10.0.0.4", port=6379, outcome=outcome, **common)
    reply = RedisReply(address="10.0.0.4", port=6379, command="PING", outcome="ok", **common)
    seen: list[Any] = [dial, reply] if outcome == "accepted" else [dial]
    seen.append(Platform(system="Linux", mesh=others.get("mesh", ""), **common))
    seen.append(KernelSettings(tcp_syn_retries=others.get("syn", 6), **common))
    seen.append(ProxyVariables(variables=others.get("proxies", ()), **common))
    return tuple(seen)


def report_of(*seen: Any) -> Report:
    """Judge these facts."""
    bundle = Bundle(target=TARGET, taken_at=1.0, tool="test", facts=seen)
    return Report(bundle, diagnose(bundle))


def test_a_report_shows_sidecar_sysctl_and_proxy_side_by_side() -> None:
    """In the text, in the notes and as evidence."""
    proxies = (("HTTP_PROXY", "http://proxy:3128"),)
    report = report_of(
        *facts("pod", "silent", mesh="istio", syn=2, proxies=proxies), *facts("here", "accepted")
    )

    lines = report.to_text().splitlines()
    at = lines.index("- mesh")
    assert lines[at + 1 : at + 3] == ["  pod   istio", "  here  none"]
    data = report.to_data()
    assert (
        "kernel's tcp_syn_retries differs between the vantage points: pod: 2; here: 6"
        in data["notes"]
    )
    summed = {
        each["vantage"]: each for each in data["evidence"]["facts"] if each["fact"] == "Elsewhere"
    }
    assert summed["pod"]["mesh"] == "istio"
    assert summed["here"]["healthy"] is True


def test_a_long_name_stands_on_its_own_line() -> None:
    """Columns are for names that leave room for values."""
    name = "k8s:a-very-long-namespace/a-very-long-name-of-a-pod-0/application"
    report = report_of(*facts(name, "silent", mesh="istio"), *facts("here", "accepted"))

    lines = report.to_text(width=80).splitlines()

    at = lines.index("- mesh")
    assert lines[at + 1 : at + 5] == [f"  {name}", "    istio", "  here", "    none"]


def test_a_place_that_was_not_reached_is_shown_and_neither_fails_nor_works() -> None:
    """It counts in no severity, is no summary, and its reason is first among what was unseen."""
    gap = Unseen(
        vantage="ssh:x", what="the path from ssh:x", why="no route to host", how_to_see="ssh x"
    )
    report = report_of(gap, *facts("here", "silent"))

    assert report.verdict == "fault"
    assert report.severity is None
    assert report.diagnosis.elsewhere[0].vantage == "here"
    assert len(report.diagnosis.elsewhere) == 1
    assert report.diagnosis.unseen[0] == gap
    assert "Path from ssh:x: not looked at: no route to host; ssh x" in report.to_text(width=100)
    assert "from ssh:x nothing was seen: no route to host; ssh x" in report.diagnosis.notes


def test_a_place_is_blind_only_where_it_saw_nothing_at_all() -> None:
    """What the user said is not seen from there."""
    gap = Unseen(vantage="x", what="the path from x", why="", how_to_see="")

    assert is_blind(Evidence(gap, target=TARGET, vantage="x"))
    assert not is_blind(Evidence(gap, *facts("x", "silent"), target=TARGET, vantage="x"))
    assert not is_blind(Evidence(target=TARGET, vantage="x"))


def test_evidence_of_a_report_is_judged_again_to_the_same_report() -> None:
    """Its summaries are recognised as our own."""
    first = report_of(*facts("pod", "silent", mesh="istio"), *facts("here", "accepted"))

    bundle = Bundle.from_json(first.to_data()["evidence"])

    assert Report(bundle, diagnose(bundle)).to_json() == first.to_json()
