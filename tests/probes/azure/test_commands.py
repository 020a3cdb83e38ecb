"""The commands, as people type them, with the control plane: what is printed, kept and never shown."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from refused.lab.arm import worlds
from refused.lab.world import World
from tests.probes.azure.planes import CACHE_ID, TOKEN, Papers, Reply, Scripted, error, healthy
from tests.probes.resolvers import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Bring the default world up."""
    with worlds.default(World()) as up:
        yield up


class Ran:
    """A command that has run."""

    def __init__(self, environ: Mapping[str, str], *words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "refused.cli.main", *words],
            capture_output=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": "/no/such/home", **environ},
            timeout=60,
        )
        self.code, self.out, self.err = done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_environment_of_the_lab_is_enough(world: World) -> None:
    """A plain diagnosis asks Azure as well, and every line of the classic list is in the evidence."""
    ran = Ran(world.environment(), "diagnose", world.target, "--json")

    assert (ran.code, ran.err) == (0, "")
    facts = {fact["fact"]: fact for fact in json.loads(ran.out)["evidence"]["facts"]}
    cache = facts["AzureCache"]
    assert cache["provisioning_state"] == "Succeeded"
    assert cache["public_access"] == "Enabled"
    assert cache["min_tls"] == "1.2"
    assert cache["plain_port"] is None
    assert {rule["name"] for rule in facts["FirewallRules"]["rules"]} == {"app", "office"}
    clients = [
        fact
        for fact in json.loads(ran.out)["evidence"]["facts"]
        if fact["fact"] == "Metric" and fact["name"] == "connectedclients"
    ]
    assert clients[0]["points"]
    assert facts["ClientAddress"]["address"] == world.client_ip


def test_the_raw_answers_can_be_seen(world: World) -> None:
    """By the cache's name alone."""
    ran = Ran(world.environment(), "probe", "--azure", "contoso")

    assert (ran.code, ran.err) == (0, "")
    raw = [f for f in json.loads(ran.out)["facts"] if f["fact"] == "ArmAnswer"]
    assert len(raw) > 10
    shown = next(f for f in raw if f["path"].lower() == world.resource.lower())
    assert json.loads(shown["body"])["properties"]["hostName"] == "contoso.redis.cache.windows.net"


def test_no_token_and_no_key_is_printed_or_kept(world: World, tmp_path: Path) -> None:
    """In no encoding, in no output, in no file."""
    keys = [key for pair in world.arm.secrets.values() for key in pair.values()]
    secrets = [world.arm_token, *keys]
    forms = {form for each in secrets for form in (each, each.rstrip("="), each.encode().hex())}
    forms |= {base64.b64encode(each.encode()).decode().rstrip("=") for each in secrets}
    said = ""
    for at, words in enumerate(
        (
            ("diagnose", world.target, "--json", "--deep"),
            ("diagnose", world.target, "--verbose"),
            ("probe", "--azure", "--deep", world.target),
            ("diagnose", world.target.replace("password=", "password=x"), "--json"),
        )
    ):
        saved = tmp_path / f"{at}.json"
        ran = Ran(world.environment(), *words, "--save", str(saved))
        said += ran.out + ran.err + saved.read_text()

    assert "AccessKeys" in said
    assert "ArmAnswer" in said
    assert not [form for form in forms if form in said]


@pytest.mark.parametrize(
    ("environ", "words", "line"),
    [
        (
            {"REFUSED_ARM_ENDPOINT": "http://127.0.0.1:1", "REFUSED_ARM_TOKEN": TOKEN},
            ("shop.redis.cache.windows.net",),
            "asked by https alone",
        ),
        ({}, (CACHE_ID,), "no credential for Azure is at hand"),
        ({"REFUSED_ARM_TOKEN": TOKEN}, (CACHE_ID, "--no-azure"), "which --no-azure forbids"),
        ({}, ("shop", "--no-azure", "--client-ip", "my-laptop"), "is no IP address"),
        ({}, ("shop", "--client-subnet", "app-subnet"), "--client-subnet is no subnet's id"),
        ({}, ("x.redis.cache.windows.net", "--azure", "--resource", "x"), "that is no resource id"),
    ],
)
def test_a_mistake_costs_one_line(
    environ: dict[str, str], words: tuple[str, ...], line: str
) -> None:
    """Exit code 2, and what would be right."""
    ran = Ran(environ, "diagnose", "--timeout", "1", *words)

    assert ran.code == 2
    assert ran.err.startswith("refused: ")
    assert line in ran.err
    assert ran.err.count("\n") == 1
    assert (ran.out, TOKEN in ran.err) == ("", False)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("REFUSED_CLIENT_IP", "203.0.113.7", "ClientAddress"),
        ("REFUSED_RESOURCE", CACHE_ID, "AzureCache"),
        ("REFUSED_AZURE", "1", "AzureCache"),
    ],
)
def test_every_option_has_its_twin_in_the_environment(
    papers: Papers, name: str, value: str, kind: str
) -> None:
    """As for all the others."""
    with Scripted(papers, healthy) as server:
        environ = {**server.environ(), name: value}
        host = "shop" if name == "REFUSED_AZURE" else "127.0.0.1:1"
        ran = Ran(environ, "probe", host, "--timeout", "3")

    kinds = {fact["fact"] for fact in json.loads(ran.out)["facts"]}
    assert kind in kinds


def test_ctrl_c_ends_the_look_with_what_was_seen(papers: Papers) -> None:
    """The path is told, the rest is said to have been interrupted, and nobody waits."""
    asked = threading.Event()

    def script(_: object) -> Reply:
        asked.set()
        return Reply({}, delay_s=10)

    with (
        Scripted(papers, script) as server,
        Resolver(lambda question: [question.reply(rcode="NXDOMAIN")]) as dns,
    ):
        words = ["diagnose", "shop.redis.cache.windows.net", "--json", "--timeout", "60"]
        words += ["--resolver", f"127.0.0.1:{dns.address[1]}"]
        with subprocess.Popen(
            [sys.executable, "-m", "refused.cli.main", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **server.environ()},
        ) as running:
            assert asked.wait(30)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=30)

    report = json.loads(out)
    assert err == b""
    assert running.returncode in (1, 3)  # whether the name was heard of by then or not
    assert {"what": "AzureCache", "why": "you interrupted it"}.items() <= next(
        gap for gap in report["unseen"] if gap["what"] == "AzureCache"
    ).items()


def test_what_a_plane_says_can_break_no_line_of_the_report(papers: Papers) -> None:
    """Line ends and control letters in an error's message stay inside their sentence."""

    def script(_: object) -> Reply:
        return error(400, "Bad\x1b[31mRequest", "first\nsecond\x1b[2J\r\nthird")

    with Scripted(papers, script) as server:
        ran = Ran(server.environ(), "diagnose", "shop.redis.cache.windows.net", "--timeout", "3")

    assert "\x1b" not in ran.out
    assert "\r" not in ran.out
