"""Every root cause is whole: its record, its judge, its page, its scenario, and advice that harms nobody."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from refused.causes import catalogue, names, page
from refused.diagnosis.checks import CHECKS
from refused.diagnosis.signatures import all_signatures
from refused.evidence.bundle import Evidence
from refused.evidence.observations import Observation, Unseen
from refused.evidence.path import HOPS
from refused.lab.scenario import all_scenarios

if TYPE_CHECKING:
    from refused.causes.statements import Cause

CAUSES = [cause for cause, _ in catalogue()]
JUDGES = {cause.id: judge for cause, judge in catalogue()}
each_cause = pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.id)

# The public ids; one may be added, none may go.
NAME_TO_TOPOLOGY = """
    wrong-hostname dns-resolver-failure ip-address-changed private-endpoint-dns ipv6-unreachable
    firewall-ip-blocked public-access-disabled private-endpoint-missing vnet-nsg-blocked
    route-blackhole egress-blocked wrong-port non-ssl-port-disabled service-mesh-intercept
    snat-port-exhaustion ephemeral-port-or-fd-exhaustion conntrack-table-full mtu-blackhole
    linux-tcp-stall idle-timeout local-server-not-running
    tls-plaintext-mixup tls-version-mismatch tls-certificate-untrusted tls-hostname-mismatch
    tls-client-certificate-required tls-inspection clock-skew
    not-redis auth-missing auth-wrong-key auth-entra-token-expired auth-entra-misconfigured
    auth-acl-no-permission unsupported-command-or-db
    cluster-mode-mismatch cluster-topology-unreachable cluster-slots-uncovered
""".split()  # noqa: SIM905  # one word for a line each says nothing more
OF_THE_SERVER = """
    max-clients-reached connection-leak-client server-failover-maintenance server-loading
    server-overloaded memory-pressure-oom geo-secondary-readonly cache-not-running
    bandwidth-exceeded azure-platform-outage resource-retired-or-migrated
""".split()  # noqa: SIM905  # one word for a line each says nothing more

# They strike within the client, where no probe walks and no twin of the service can play them: what
# shows them is what clients print, so each must know words of it.
OF_THE_CLIENT = """
    client-pool-exhausted client-threadpool-starvation client-timeout-too-short
    large-payload-or-slow-command client-library-bug kubernetes-liveness-restart
""".split()  # noqa: SIM905  # one word for a line each says nothing more

# Ids of the contract that have no module yet: a page may already tell its cause from them.
STILL_TO_COME: tuple[str, ...] = ()

SECTIONS = ["What is wrong", "How it looks", "What ends it", "What it is not", "Sources"]

# What weakens security, in the words in which people advise it.
HARMFUL = {
    "everybody is let in": r"0\.0\.0\.0|::/0|255\.255\.255\.255|all addresses|any (address|source|ip)|everyone",
    "nothing is checked": r"(disable|skip|turn off|ignore|without|no) [^,;.]*(verif|validat|certificate check|hostname check)"
    r"|insecure|cert_reqs|CERT_NONE|--no-verify|rejectUnauthorized|check_hostname",
    "an old protocol": r"(lower|older|minimum)[^,;.]* TLS|TLS ?1\.[01]\b|SSLv",
    "a plain port": r"(enable|open|allow|use|switch to)[^,;.]*\b(6379|non-?ssl|plain[- ]?text)|enableNonSslPort|ssl=false",
    "no password": r"protected-mode no|nopass|(remove|drop|disable|without) [^,;.]*(password|authentication|requirepass)",
    "a broad right": r"\+@all|allcommands|allkeys\b(?!-)|\bOwner role|\bContributor\b|chmod 777|run as root",
    "no firewall": r"(disable|turn off|flush|stop) [^,;.]*(firewall|iptables|nftables|ufw|selinux)|iptables -F",
}


def advice(cause: Cause) -> list[str]:
    """Return every sentence that tells people to do something."""
    return [*cause.remedies, cause.verify, cause.prevent]


def harm_in(text: str) -> list[str]:
    """Return what *text* would weaken, were it followed."""
    return [name for name, words in HARMFUL.items() if re.search(words, text, re.IGNORECASE)]


def test_the_public_ids_are_all_there() -> None:
    """An id is never renamed."""
    assert {*NAME_TO_TOPOLOGY, *OF_THE_SERVER, *OF_THE_CLIENT} <= {cause.id for cause in CAUSES}


def test_a_cause_bears_the_name_of_its_module() -> None:
    """One slug in module, page and URL."""
    assert [cause.id for cause in CAUSES] == [name.replace("_", "-") for name in names()]


@each_cause
def test_a_cause_asks_for_exactly_what_it_declares(cause: Cause) -> None:
    """Probes are chosen by `needs`; and on no evidence nobody is accused and nothing ruled out."""
    evidence = Evidence()

    said = list(JUDGES[cause.id](evidence))

    assert all(isinstance(each, Unseen) for each in said)
    assert evidence.asked_for == set(cause.needs)
    assert len(cause.needs) == len(set(cause.needs))
    assert all(issubclass(kind, Observation) for kind in cause.needs)


@each_cause
def test_a_cause_has_its_place_on_the_path(cause: Cause) -> None:
    """Hop, hops at which it shows, and bucket are words of the contract."""
    assert cause.hop in HOPS
    assert cause.shows_at
    assert set(cause.shows_at) <= set(HOPS)
    assert cause.bucket in ("configuration", "capacity", "code", "dependency", "process")
    assert cause.title
    assert not cause.title.endswith(".")
    assert abs(cause.prior) < 4


@each_cause
def test_the_page_has_its_five_sections(cause: Cause) -> None:
    """Whoever reads one page knows where to look in the next."""
    text = page(cause.id)

    lead, *_ = text.split("\n")
    assert lead.endswith(".")
    assert re.findall(r"^(\S[^\n]*)\n[ \t]+\S", text, re.MULTILINE) == SECTIONS
    sources = text.partition("\nSources\n")[2]
    assert re.search(r"https://\S+|\w+\(\d\)|RFC \d+", sources)


@each_cause
def test_what_it_is_not_names_causes_that_there_are(cause: Cause) -> None:
    """A page that sends its reader away says where to."""
    section = page(cause.id).partition("\nWhat it is not\n")[2].partition("\nSources\n")[0]
    named = re.findall(r"``([a-z0-9]+(?:-[a-z0-9]+)+)``", section)

    assert cause.id not in named
    assert set(named) <= {*(each.id for each in CAUSES), *STILL_TO_COME}


@each_cause
def test_every_cause_can_be_ended_checked_and_prevented(cause: Cause) -> None:
    """A diagnosis that leaves one alone with it is none."""
    assert cause.remedies
    assert all(text.strip() == text and len(text) > 10 for text in advice(cause))
    assert len(set(cause.remedies)) == len(cause.remedies)


@each_cause
def test_no_advice_weakens_security(cause: Cause) -> None:
    """Not even to make the error go away."""
    assert {text: harm_in(text) for text in advice(cause) if harm_in(text)} == {}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.id}-{check.services}")
def test_no_check_weakens_security(check: object) -> None:
    """Looking changes nothing."""
    assert harm_in(f"{check.what}: {check.command}") == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        "add a firewall rule from 0.0.0.0 to 255.255.255.255",
        "allow any source on port 6380",
        "disable the certificate verification of the client",
        "set ssl_cert_reqs to CERT_NONE: cert_reqs",
        "set the minimum TLS version back to 1.0",
        "enable the non-SSL port",
        "open 6379 for this client",
        "set protected-mode no",
        "remove the password from the server",
        "give the user +@all",
        "turn off the host's firewall",
    ],
)
def test_the_test_of_harm_knows_harm_when_it_sees_it(text: str) -> None:
    """These are the answers that people find when they search for the error."""
    assert harm_in(text)


@each_cause
def test_what_a_cause_expects_can_be_looked_at(cause: Cause) -> None:
    """Every check is known, and has one outcome for each cause."""
    checks = [check for check, _ in cause.expects]

    assert set(checks) <= {check.id for check in CHECKS}
    assert len(checks) == len(set(checks))


def test_every_check_says_something_of_a_cause() -> None:
    """One that no cause speaks of could never be chosen."""
    for check in {each.id for each in CHECKS}:
        outcomes = {outcome for cause in CAUSES for name, outcome in cause.expects if name == check}
        assert outcomes, check


@each_cause
def test_every_cause_can_be_played_in_the_lab(cause: Cause) -> None:
    """A cause that nobody can reproduce is a guess; one within the client is known by its words."""
    if cause.id in OF_THE_CLIENT:
        assert [each for id_, each in all_signatures() if id_ == cause.id]
    else:
        assert cause.id in {each.cause for each in all_scenarios()}


@pytest.mark.parametrize(
    "name", sorted({*names()} - {id_.replace("-", "_") for id_ in OF_THE_CLIENT})
)
def test_a_scenario_bears_the_name_of_its_cause(name: str) -> None:
    """Whoever reads the cause finds how it is played without a search."""
    assert import_module(f"refused.lab.scenarios.{name}").__doc__
