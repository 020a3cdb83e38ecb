"""Forty-one incidents that people told of in public threads, each shown again here.

How each is shown stands in ``docs/known-incidents.md``, and its commands are run letter for letter, as
somebody at a shell would run them. Here stands what must come of them: the cause that the thread
came to, first, and what the thread lacked: the hop, the rule, the advice. Where a thread came to no
cause, or what was printed fits several, the honest answer is that it cannot be told.
"""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _pytest.mark import ParameterSet

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "known-incidents.md"
# Most of the commands wait for a silence; several at a time wait together.
SIDE_BY_SIDE = 4

UNTOLD = "INCONCLUSIVE: cannot tell from the text alone"
NOTHING = "INCONCLUSIVE: the text tells of no failed Redis connection"
REFUSED = "refused: "
RIGHT = "0 wrong"
EXIT_CODES = {REFUSED: 2, UNTOLD: 3, NOTHING: 3, RIGHT: 0}
BY_NAME = "check the nodes under the cache's host name"


class Told(NamedTuple):
    """What happened, and what is to come of each command: what comes first, and words of the answer."""

    title: str
    expected: tuple[tuple[str, str], ...]


def told(title: str, *expected: tuple[str, str]) -> Told:
    """Return one incident."""
    return Told(title, expected)


# By the number that it has on the page.
INCIDENTS = {
    "1": told(
        "outside of the network after a private endpoint was added",
        ("private-endpoint-dns", "public access with a narrow filter"),
    ),
    "2": told("no record in the private zone", ("private-endpoint-dns", "has no record contoso")),
    "3": told(
        "the host name pasted twice",
        (REFUSED, "the host name stands there twice"),
        ("wrong-hostname", "holds itself twice"),
    ),
    "4": told(
        "nodes behind a private endpoint, checked by their addresses",
        ("tls-hostname-mismatch", BY_NAME),
    ),
    "5": told("a JVM keeps the old address", ("ip-address-changed", "leads to 20.42.65.90 now")),
    "6": told(
        "an old address kept on the client's host",
        ("ip-address-changed", "the hosts file sends"),
    ),
    "7": told(
        "the way out has an address that the rules do not know",
        ("firewall-ip-blocked", "203.0.113.7"),
    ),
    "8": told(
        "the office's firewall",
        ("egress-blocked", "it works from"),
        (RIGHT, "2 right, 0 wrong"),
    ),
    "9": told(
        "the revocation list cannot be fetched",
        ("egress-blocked", "what its issuer publishes on the web did not"),
    ),
    "10": told(
        "the port of one shard is closed",
        ("cluster-topology-unreachable", "20.42.65.90:15002 (tcp: silent)"),
    ),
    "11": told(
        "new ports announced after a scaling",
        ("cluster-topology-unreachable", "the rule DenyRest"),
    ),
    "12": told("a proxy decrypts", ("tls-inspection", "")),
    "13": told("time-outs when nodes are added", (UNTOLD, ""), ("snat-port-exhaustion", "")),
    "14": told("a cache cannot be made in a subnet", (NOTHING, "")),
    "15": told("an old framework offers TLS 1.0", ("tls-version-mismatch", "")),
    "16": told(
        "a client that compares names by rules of its own",
        ("client-library-bug", "by the rules, wildcards included"),
    ),
    "17": told(
        "nodes announced by address, certificate for the name",
        ("tls-hostname-mismatch", BY_NAME),
    ),
    "18": told("TLS not switched on", ("tls-plaintext-mixup", "")),
    "19": told("TLS to a plain port", ("tls-plaintext-mixup", "")),
    "20": told(
        "redis:// in place of rediss://",
        ("tls-plaintext-mixup", "the address says plain text"),
    ),
    "21": told(
        "the wrong id as user name",
        ("auth-entra-misconfigured", "3f1c9a52-7d44-4be0-9a59-0c6f5b1e2d77"),
    ),
    "22": told(
        "a connection outlives its token",
        ("auth-entra-token-expired", "the token ended 15 minutes ago"),
    ),
    "23": told(
        "a token fetched once, at the start",
        ("auth-entra-token-expired", "the token ended 48 hours ago"),
    ),
    "24": told(
        "the key not escaped in a URL",
        (REFUSED, "write the / as %2F"),
        ("auth-wrong-key", "was not escaped"),
    ),
    "25": told(
        "access keys off by default", ("auth-wrong-key", "fix: log in with Microsoft Entra ID")
    ),
    "26": told(
        "a new policy, and with it new keys",
        ("auth-wrong-key", "the database default was deleted"),
    ),
    "27": told("the database made anew", ("cache-not-running", "the database default was deleted")),
    "28": told(
        "the token endpoint refuses, and not Redis",
        ("auth-entra-misconfigured", "it is the endpoint that gives out tokens, not Redis"),
        ("auth-entra-misconfigured", ""),
    ),
    "29": told(
        "nodes that were retired are dialled for hours",
        ("ip-address-changed", "none of the 3 nodes that the cluster announces now"),
    ),
    "30": told(
        "redirections shown to the application",
        ("client-library-bug", "a redirection that it should follow"),
    ),
    "31": told(
        "stuck to an old address after a failover",
        ("ip-address-changed", "have the client connect anew"),
    ),
    "32": told(
        "a plain client under the OSS policy",
        ("cluster-mode-mismatch", "its clustering policy is OSSCluster"),
    ),
    "33": told(
        "one database, and keys in several slots",
        ("unsupported-command-or-db", "database 15"),
        ("cluster-mode-mismatch", ""),
    ),
    "34": told(
        "a quarter of an hour after a failover",
        ("linux-tcp-stall", "sent to 8 times without an answer"),
        (RIGHT, "1 right, 0 wrong"),
    ),
    "35": told("reset after a quiet spell", ("idle-timeout", "")),
    "35b": told(
        "dead after four quiet minutes",
        ("idle-timeout", "4 minutes is the limit of load balancers and NAT in Azure"),
        (RIGHT, "1 right, 0 wrong"),
    ),
    "36": told("a worker that idles after a reset", (UNTOLD, "1. idle-timeout")),
    "37": told("a connection for every call", ("connection-leak-client", "240")),
    "38": told(
        "four ways to run out",
        ("connection-leak-client", ""),
        ("max-clients-reached", ""),
        ("client-pool-exhausted", ""),
        ("memory-pressure-oom", ""),
    ),
    "39": told("no thread is free to read the answer", ("client-threadpool-starvation", "")),
    "40": told(
        "a sidecar keeps the port of a shard",
        ("service-mesh-intercept", "keeps 15001 for itself"),
    ),
}


class Shown(NamedTuple):
    """A command of the page, and what is to come of it."""

    command: str
    first: str
    says: str


def rows() -> dict[str, list[str]]:
    """Return the commands of the page's table, by the number of the incident."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = (re.match(r"\| (\d+b?) \| \[.*\]\(https://.*\|$", line) for line in lines)
    return {row[1]: re.findall(r"`(refused [^`]+)`", row[0]) for row in found if row}


def shown(*, by_the_kernel: bool) -> Sequence[ParameterSet]:
    """Return a case for each incident that is shown so."""
    cases, commands = [], rows()
    for number, (title, expected) in INCIDENTS.items():
        every = [
            Shown(command, first, says)
            for command, (first, says) in zip(commands.get(number, ()), expected, strict=False)
            if (first == RIGHT) is by_the_kernel
        ]
        if every:
            cases.append(pytest.param(every, id=f"{number}: {title}"))
    return cases


class Said(NamedTuple):
    """What a command left behind, its lines joined."""

    code: int
    first: str
    words: str


def run(command: str) -> Said:
    """Run a command as it stands on the page."""
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'refused() {{ "$0" -m refused.cli.main "$@"; }}; {command}',
            sys.executable,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    first = re.search(r"^1\. ([a-z0-9-]+):", done.stdout, re.MULTILINE)
    return Said(
        done.returncode, first[1] if first else "", " ".join((done.stdout + done.stderr).split())
    )


@pytest.fixture(scope="module")
def said(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Said]]]:
    """Begin to run the commands of every case that was asked for."""
    cases = [
        item.callspec.params["every"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and hasattr(item, "callspec")
        and not item.get_closest_marker("kernel")
    ]
    asked_for = {
        each.command
        for every in cases
        if isinstance(every, list)
        for each in every
        if isinstance(each, Shown)
    }
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {command: pool.submit(run, command) for command in asked_for}
        pool.shutdown(cancel_futures=True)


def hold(each: Shown, answer: Said) -> None:
    """Hold an answer against what is known of the incident."""
    assert answer.code == EXIT_CODES.get(each.first, 1), answer.words
    if each.first in EXIT_CODES:
        assert each.first in answer.words
    else:
        assert answer.first == each.first, answer.words
    assert each.says in answer.words, answer.words


@pytest.mark.parametrize("every", shown(by_the_kernel=False))
def test_an_incident_is_shown_again_and_its_cause_comes_first(
    every: list[Shown], said: dict[str, Future[Said]]
) -> None:
    """On this machine, in seconds."""
    for each in every:
        hold(each, said[each.command].result())


@pytest.mark.kernel
@pytest.mark.timeout(120)
@pytest.mark.parametrize("every", shown(by_the_kernel=True))
def test_an_incident_is_shown_again_where_only_a_kernel_will_do(every: list[Shown]) -> None:
    """With real packets, filters and clocks."""
    for each in every:
        hold(each, run(each.command))


def test_the_page_shows_what_is_run_here_and_nothing_else() -> None:
    """Forty-one rows, each with its thread, and as many commands as are expected to say something."""
    commands = {number: len(each) for number, each in rows().items()}
    assert len(commands) == 41
    assert commands == {number: len(each.expected) for number, each in INCIDENTS.items()}
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("`refused ") == sum(commands.values())
