"""Real clients meet the lab's faults, and what they print names the fault.

What they printed once is kept in ``printed.jsonl``, frames left out, so that a change is judged
against it where no client is installed. ``python -m tests.explain.test_real_clients`` prints anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refused.api import explain
from refused.lab.scenario import by_id
from tests.explain.real_clients import CLIENTS, compiled, lacking, printed, without_frames

PRINTED = Path(__file__).parent / "printed.jsonl"

# What each fault makes its clients print names it,
NAMED = """
    auth-missing auth-wrong-key auth-acl-no-permission.own max-clients-reached.plain memory-pressure-oom
    server-persistence-failure server-loading cluster-mode-mismatch cluster-slots-uncovered
    server-failover-maintenance.primary-lost tls-certificate-untrusted
    tls-certificate-untrusted.expired tls-certificate-untrusted.private tls-hostname-mismatch
    tls-client-certificate-required tls-version-mismatch.old-server
""".split()  # noqa: SIM905  # one word for a line each says nothing more
# or fits it and others.
OPEN = """
    server-overloaded.script not-redis not-redis.ssh geo-secondary-readonly tls-plaintext-mixup
    tls-plaintext-mixup.plain-client tls-client-certificate-required.tls12
""".split()  # noqa: SIM905  # one word for a line each says nothing more
# What a client prints here does not tell the fault, and why.
SAYS_LESS = {
    "ioredis": {
        "max-clients-reached.plain": "it drops what the server says before it hangs up",
        "server-loading": "it asks INFO until the data is loaded, and its own limit ends that",
        "tls-plaintext-mixup": "its limit ends the handshake, and the frames alone tell of TLS",
        "tls-plaintext-mixup.plain-client": "it prints that the connection is closed, no more",
    },
    "redis-py-async": {
        "tls-plaintext-mixup": "its limit ends the handshake, and is told as one on the dial"
    },
    "coredis": {"tls-plaintext-mixup": "it wraps the failure in a line that holds no reason"},
    "redis-rb": {"tls-plaintext-mixup": "a handshake without an end is a bare Redis::TimeoutError"},
    "redis-cli": {
        "tls-client-certificate-required": "TLS 1.3 refuses after the handshake, when it reads no alert any more"
    },
    # Its core tries again until its time is up, and says that it timed out, whatever was said to it.
    "valkey-glide": dict.fromkeys(
        (
            "max-clients-reached.plain",
            "not-redis",
            "not-redis.ssh",
            "tls-plaintext-mixup.plain-client",
        ),
        "it says that it timed out",
    ),
}


def is_exempt(scenario: str, client: str) -> bool:
    """Whether what *client* prints in *scenario* does not tell the fault."""
    return scenario in SAYS_LESS.get(client, {})


@pytest.mark.parametrize("client", CLIENTS)
def test_the_client_is_there(client: str) -> None:
    """A client that is not installed is a skip of its own, and runs in none of the faults."""
    if lacking(client):
        pytest.skip(lacking(client))


@pytest.fixture(scope="module")
def _programs() -> None:
    """Compile what has to be compiled before the first fault is up, and its time runs."""
    for client, language in (("hiredis", "c"), ("redigo", "go")):
        if not lacking(client):
            compiled(language)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("_programs")
@pytest.mark.parametrize("scenario", [*NAMED, *OPEN])
def test_what_real_clients_print_names_the_fault(scenario: str) -> None:
    """Words change with versions; this is how it is noticed."""
    installed = [client for client in CLIENTS if not lacking(client)]
    if not installed:
        pytest.skip("needs one client at least")
    met, wrong = 0, {}
    for client, text in printed(scenario, installed).items():
        if not text.strip() or text.strip() == "OK":
            continue  # this client does not meet the fault, or keeps it to itself
        met += 1
        named = [each.id for each in explain(text).causes]
        most = 1 if scenario in NAMED else 3
        if by_id(scenario).cause not in named[:most] and not is_exempt(scenario, client):
            wrong[client] = (named[:3], text[-300:])

    assert wrong == {}
    assert met > 0


def kept() -> list[tuple[str, str, str]]:
    """Return scenario, client and text of what was printed once."""
    lines = PRINTED.read_text("utf-8").splitlines()
    return [(each["scenario"], each["client"], each["text"]) for each in map(json.loads, lines)]


@pytest.mark.parametrize(
    ("scenario", "client", "text"), kept(), ids=[f"{each[0]}-{each[1]}" for each in kept()]
)
def test_what_they_printed_once_names_the_fault(scenario: str, client: str, text: str) -> None:
    """Without frames, as people paste it."""
    named = [each.id for each in explain(text).causes]

    assert by_id(scenario).cause in named[: 1 if scenario in NAMED else 3], client


def test_every_client_has_printed_something() -> None:
    """What is kept covers all of them, and every fault."""
    assert {client for _, client, _ in kept()} == set(CLIENTS)
    assert {scenario for scenario, _, _ in kept()} == {*NAMED, *OPEN}


def main() -> None:
    """Print anew."""
    installed = [client for client in CLIENTS if not lacking(client)]
    with PRINTED.open("w", encoding="utf-8") as file:
        for scenario in (*NAMED, *OPEN):
            for client, text in printed(scenario, installed).items():
                said = without_frames(text)
                if said and text.strip() != "OK" and not is_exempt(scenario, client):
                    entry = {"scenario": scenario, "client": client, "text": said}
                    file.write(json.dumps(entry, ensure_ascii=False) + "\n")
                    file.flush()


if __name__ == "__main__":
    main()
