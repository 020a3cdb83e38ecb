"""Break → diagnose → fix --apply → verify → healthy → undo → the same fault again, through the command line.

The twin's own log is the witness: one write for one change, and after the undo the documents are as
they were.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from refused.cli import fix
from refused.cli.main import main
from refused.lab.azure import GROUP_ID, NETWORK, acr, private_endpoint
from refused.lab.azure_network import guard, rule
from refused.lab.resp import ServerError
from refused.lab.scenario import by_id
from refused.lab.world import World
from refused.remedies.change import Setting
from refused.remedies.corrected import CannotCorrect, corrected
from tests.journeys.at_work import documents, writes

if TYPE_CHECKING:
    from refused.lab.servers import Server
    from tests.journeys.at_work import Enter

CURED, NOT_CURED, USAGE = 0, 1, 2

# Scenario, the kind of change that ends it, and further words that it needs.
AZURE = [
    ("firewall-ip-blocked", "firewall-rule", ()),
    ("firewall-ip-blocked.closed", "firewall-rule", ()),
    ("firewall-ip-blocked.deleted", "firewall-rule", ()),
    ("private-endpoint-dns", "private-dns-link", ()),
    ("private-endpoint-dns.managed", "private-dns-link", ()),
    ("private-endpoint-dns.no-record", "private-dns-zone-group", ()),
    ("private-endpoint-missing.pending", "private-endpoint-approval", ("--owner-agrees",)),
    ("private-endpoint-missing.rejected", "private-endpoint-approval", ("--owner-agrees",)),
    ("vnet-nsg-blocked.client", "nsg-rule", ()),
    ("vnet-nsg-blocked.injected", "nsg-rule", ()),
    ("route-blackhole.table", "route", ()),
    ("auth-entra-misconfigured.no-policy", "entra-assignment", ("--owner-agrees",)),
    ("bandwidth-exceeded", "scale", ()),
    ("server-overloaded.azure", "scale", ()),
]


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "kind", "words"), AZURE, ids=[each[0] for each in AZURE])
def test_one_write_ends_it_and_the_undo_brings_it_back(
    scenario: str, kind: str, words: tuple[str, ...], enter: Enter
) -> None:
    """The whole loop, for every cause that one write to Azure ends."""
    found = by_id(scenario)
    assert found.cause is not None
    with found.up() as world:
        _walk_the_loop(world, enter, found.cause, kind, *words)


@pytest.mark.slow
def test_a_door_that_is_shut_opens_for_those_whom_a_rule_lets_in(enter: Enter) -> None:
    """Public access, where the rules say already for whom."""
    world = World()
    acr(world, "contoso", is_public=False, rules={"app": "203.0.113.7"})
    with world:
        _walk_the_loop(world, enter, "public-access-disabled", "public-access", "--owner-agrees")


def _walk_the_loop(world: World, enter: Enter, cause: str, kind: str, *words: str) -> None:
    """Break, diagnose, fix, verify, be well, undo, and be broken as before."""
    refused = enter(world)
    before, log = documents(world), len(writes(world))
    report = refused.report()
    assert report["verdict"] == "fault"
    assert report["causes"][0]["id"] == cause

    code, out = refused("fix", world.target, "--json")
    plan = json.loads(out)
    assert code == NOT_CURED
    assert plan["steps"][0]["kind"] == kind, plan
    assert documents(world) == before

    code, out = refused("fix", world.target, "--apply", "--yes", *words)
    assert code == CURED, (out, refused.err)
    assert len(writes(world)) - log == 1
    code, out = refused("verify", world.target, "--for", "6s", "--every", "100ms")
    assert (code, "It holds" in out) == (CURED, True), (out, refused.err)
    assert len(writes(world)) - log == 1
    assert refused.report()["verdict"] == "healthy"

    code, out = refused("fix", "--undo", "--yes")
    assert code == CURED, (out, refused.err)
    same = _without_reserves if kind == "scale" else dict
    assert same(documents(world)) == same(before)
    again = refused.report()
    assert again["verdict"] == "fault"
    assert again["causes"][0]["id"] == cause


@pytest.mark.slow
def test_a_larger_size_ends_a_shortage_and_the_smaller_one_comes_back(enter: Enter) -> None:
    """Scaling drops the connections that filled the cache; that they do not come back is the lab's."""
    with by_id("max-clients-reached").up() as world:
        refused = enter(world)
        before = documents(world)

        code, out = refused("fix", world.target)
        assert code == NOT_CURED
        said = " ".join(out.split())
        assert "connections drop" in said
        assert "the bill goes up" in said

        code, out = refused("fix", world.target, "--apply", "--yes")
        assert code == CURED, out
        code, out = refused("fix", "--undo", "--yes")
        assert code == CURED, out
        after = documents(world)

    assert _without_reserves(after) == _without_reserves(before)


@pytest.mark.slow
def test_a_larger_size_has_room_for_writes_that_were_refused(enter: Enter) -> None:
    """A full memory: what was kept is still there, and the smaller size is full again."""
    world = World()
    cache = acr(world, "contoso", maxmemory_bytes=3_000_000)
    with world:
        refused = enter(world)
        at = 0
        while "OOM" not in _answer(cache.server, "SET", f"session:{at}", "x" * 4000):
            at += 1
        kept, before, log = cache.server.command("DBSIZE"), documents(world), len(writes(world))
        assert refused.report()["causes"][0]["id"] == "memory-pressure-oom"

        code, out = refused("fix", world.target, "--apply", "--yes")
        assert code == CURED, (out, refused.err)
        assert len(writes(world)) - log == 1
        code, out = refused("verify", world.target, "--for", "6s", "--every", "100ms")
        assert (code, "It holds" in out) == (CURED, True), (out, refused.err)
        assert cache.server.command("DBSIZE") == kept

        code, out = refused("fix", "--undo", "--yes")
        assert code == CURED, (out, refused.err)
        assert refused.report()["causes"][0]["id"] == "memory-pressure-oom"
        after = documents(world)

    assert _without_reserves(after) == _without_reserves(before)


def _answer(server: Server, *words: str) -> str:
    try:
        return str(server.command(*words))
    except ServerError as refusal:
        return str(refusal)


def _without_reserves(documents: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the portal shows as reserved, for it follows the size."""
    for document in documents.values():
        document.get("properties", {}).pop("redisConfiguration", None)
    return documents


@pytest.mark.slow
def test_a_change_that_does_not_help_is_undone_and_the_next_one_offered(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two faults at once: the firewall rule is right and cures nothing, for a security group blocks too."""
    world = World()
    acr(world, "contoso", rules={"office": "192.0.2.44"})
    world.doors.homes[world.vantage("here", "203.0.113.7").client_ip] = "10.1.1.20"
    private_endpoint(world, acr(world, "other"), vantage=None)
    guard(world, "clients", [rule("no-redis", 200, "Outbound", "Deny", "6380")])
    with world:
        refused = enter(world)
        # Nobody can tell from a public address which subnet a client stands in; its owner can.
        monkeypatch.setenv(
            "REFUSED_CLIENT_SUBNET",
            f"{GROUP_ID}/providers/Microsoft.Network/virtualNetworks/{NETWORK}/subnets/clients",
        )
        before = documents(world)

        first = json.loads(refused("fix", world.target, "--json")[1])["steps"][0]
        code, out = refused("fix", world.target, "--apply", "--yes")
        assert code == NOT_CURED
        assert "undone; it did not help" in out
        assert documents(world) == before

        again = json.loads(refused("fix", world.target, "--json")[1])["steps"]
        assert again[0]["title"] != first["title"]
        assert again[0]["kind"] in {"firewall-rule", "nsg-rule"}
        _, text = refused("fix", world.target)
        assert "tried before" in text


def test_who_edits_between_plan_and_apply_is_not_overwritten(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The difference is shown, and nothing is written."""
    with by_id("firewall-ip-blocked").up() as world:
        refused = enter(world)
        cache = world.arm.documents[world.resource.lower()]

        def meanwhile(*_: object) -> None:
            cache["properties"]["minimumTlsVersion"] = "1.3"

        monkeypatch.setattr(fix, "_agree", meanwhile)
        log = len(writes(world))

        code, _ = refused("fix", world.target, "--apply", "--yes")

        assert code == USAGE
        assert 'minimumTlsVersion was "1.2" and is "1.3"' in refused.err
        assert len(writes(world)) == log


def test_what_was_done_is_told_to_scripts(enter: Enter) -> None:
    """A plan is not the only thing that a script reads."""
    with by_id("firewall-ip-blocked").up() as world:
        refused = enter(world)

        outcome = json.loads(refused("fix", world.target, "--apply", "--yes", "--json")[1])
        (change,) = json.loads(refused("fix", "--journal", "--json")[1])["changes"]
        undone = json.loads(refused("fix", "--undo", "--yes", "--json")[1])

    assert (outcome["state"], outcome["cured"]) == ("kept", True)
    assert (change["id"], change["state"], change["open"]) == (outcome["id"], "kept", False)
    assert (undone["id"], undone["state"]) == (outcome["id"], "undone")


def test_nobody_is_asked_nothing_is_changed(enter: Enter) -> None:
    """Without a terminal and without --yes."""
    with by_id("firewall-ip-blocked").up() as world:
        refused = enter(world)
        log = len(writes(world))

        code, _ = refused("fix", world.target, "--apply")

        assert code == USAGE
        assert "--yes" in refused.err
        assert len(writes(world)) == log


@pytest.mark.parametrize(
    "word", ["--allow-all-ips", "--lower-tls", "--plain-port", "--no-verify", "--broad-role", "--disable-firewall"]
)  # fmt: skip
def test_what_weakens_is_refused_before_anything_is_looked_at(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the reason and the safe way; no target is touched."""
    code = main(["fix", "cache.invalid:6380", word, "--apply", "--yes"])

    said = capsys.readouterr()
    assert code == USAGE
    assert "instead: " in said.err
    assert said.out == ""


# Scenarios that end with a setting of the client's, and what is set beyond what the plan names.
CLIENT = [
    "wrong-port",
    "non-ssl-port-disabled",
    "wrong-hostname",
    "tls-plaintext-mixup.plain-client",
    "tls-version-mismatch",
    "tls-hostname-mismatch",
    "tls-hostname-mismatch.address",
    "unsupported-command-or-db",
    "resource-retired-or-migrated",
]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", CLIENT)
def test_the_corrected_target_is_healthy(scenario: str, enter: Enter) -> None:
    """What `fix` says of the client's settings is what ends it, tried with the corrected string."""
    found = by_id(scenario)
    with found.up() as world:
        refused = enter(world)
        words = [f"--{name}" for name, value in found.options.items() if value is True]
        report = json.loads(refused("diagnose", world.target, "--json", *words)[1])
        assert report["verdict"] == "fault"

        code, out = refused("fix", world.target, "--json", *words)
        assert code == NOT_CURED
        steps = [step for step in json.loads(out)["steps"] if step["kind"] == "client-setting"]
        assert steps, out
        settings = [Setting.from_json(each) for each in steps[0]["settings"]]
        better = corrected(world.target, settings)

        code, out = refused("diagnose", better, *words)
        assert code == CURED, out


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["auth-wrong-key", "auth-missing"])
def test_the_corrected_key_is_healthy(scenario: str, enter: Enter) -> None:
    """The plan says that the key is to be another, and never which; with the cache's own it works."""
    with by_id(scenario).up() as world:
        refused = enter(world)
        code, out = refused("fix", world.target, "--json")
        assert code == NOT_CURED
        step = json.loads(out)["steps"][0]
        assert step["kind"] == "client-setting"
        (setting,) = [Setting.from_json(each) for each in step["settings"]]
        assert setting.name == "password"
        with pytest.raises(CannotCorrect, match="REDISCLI_AUTH"):
            corrected(world.target, [setting])
        key = next(iter(world.arm.secrets.values()))["primaryKey"]

        code, out = refused("diagnose", corrected(world.target, [setting.replace(after=key)]))

        assert code == CURED, out


KILLED = """
import os, signal, sys
from refused.remedies.journal import Entry
note = Entry.note
def noting(self, step, **facts):
    note(self, step, **facts)
    if step == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
Entry.note = noting
from refused.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", ["exported", "writing", "written", "looked"])
def test_the_run_after_a_kill_says_what_was_left_and_finishes_it(step: str, enter: Enter) -> None:
    """Also where the change had been made and the path is well again: nothing is written twice."""
    with by_id("firewall-ip-blocked").up() as world:
        refused = enter(world)
        log = len(writes(world))
        dead = subprocess.run(
            [sys.executable, "-c", KILLED, step, "fix", world.target, "--apply", "--yes"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert dead.returncode == -signal.SIGKILL

        refused("fix", world.target)
        assert f"was left at '{step}'" in refused.err

        code, out = refused("fix", world.target, "--apply", "--yes")
        if step in ("exported", "writing"):
            assert (code, "abandoned" in out) == (NOT_CURED, True), out
            code, out = refused("fix", world.target, "--apply", "--yes")
        assert code == CURED, (out, refused.err)
        assert len(writes(world)) - log == 1
        refused("fix", world.target)
        assert "was left" not in refused.err


@pytest.mark.slow
def test_an_id_is_led_to_its_host_before_anything_is_changed(enter: Enter) -> None:
    """The looks that prove a change, and those of a watch, need no word of Azure's."""
    with by_id("firewall-ip-blocked").up() as world:
        refused = enter(world)

        code, out = refused("fix", world.resource, "--apply", "--yes")
        assert code == CURED, (out, refused.err)

        code, out = refused("verify", "contoso", "--for", "3s", "--every", "200ms")
        assert code == CURED, (out, refused.err)
        assert "0 failed" in out


@pytest.mark.parametrize("target", ["@evidence.json", "lab:firewall-ip-blocked"])
def test_a_change_is_proved_against_a_live_target_alone(
    target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was saved, or is made for the purpose, would prove nothing; Azure is not asked."""
    assert main(["fix", target, "--apply", "--yes"]) == USAGE

    assert "live target" in capsys.readouterr().err
