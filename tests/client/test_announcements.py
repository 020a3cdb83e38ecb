"""Announcements, tokens and what an error means."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import redis.exceptions as theirs
from hypothesis import given
from hypothesis import strategies as st
from redis.credentials import CredentialProvider

import refused.client
from refused.client import aio, credentials, maintenance, reasons, repeatable
from refused.client.events import Events
from refused.lab.servers import Server


def jwt(ends_at: float, name: str = "x") -> str:
    """Return something with the shape of an Entra token."""
    claims = base64.urlsafe_b64encode(json.dumps({"exp": ends_at, "n": name}).encode()).decode()
    return f"e30.{claims.rstrip('=')}.c2lnbmF0dXJl"


# --- announcements ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        # https://github.com/Azure/AzureCacheForRedis/blob/main/AzureRedisEvents.md
        (
            "NotificationType|NodeMaintenanceFailoverComplete|StartTimeInUTC|2026-11-26T03:00:00"
            "|IsReplica|False|IPAddress|52.1.2.3|SSLPort|15001|NonSSLPort|13001"
        ),
        # StackExchange.Redis, tests: AzureMaintenanceEventTests.cs
        (
            "NotificationType|nodemaintenancefailovercomplete|StartTimeUtc|2026-11-26T03:00:00"
            "|IsReplica|false|IpAddress|52.1.2.3|SSLPort|15001|NonSSLPort|13001"
        ),
    ],
)
def test_an_announcement_is_read_in_both_spellings(message: str) -> None:
    """Capitals and the time's name differ."""
    said = maintenance.read(message)
    assert said is not None
    assert said.reason == "failed-over"
    assert not said.is_replica
    assert said.starts_at == datetime(2026, 11, 26, 3, tzinfo=UTC)
    assert (said.address, said.tls_port, said.plain_port) == ("52.1.2.3", 15001, 13001)


@given(st.text(max_size=200))
def test_no_message_breaks_the_listener(message: str) -> None:
    """Whatever is published there."""
    said = maintenance.read(message)
    assert said is None or said.reason in {*reasons.REASONS}


MOVED = (
    "NotificationType|NodeMaintenanceFailoverComplete|StartTimeInUTC|2026-11-26T03:00:00"
    "|IsReplica|{}|IPAddress|127.0.0.1|SSLPort|15001|NonSSLPort|13001"
)


def _subscribed(server: Server) -> bool:
    counts = server.command("PUBSUB", "NUMSUB", maintenance.CHANNEL)
    assert isinstance(counts, list)
    return counts[1] == 1


def _wait(is_so: Any) -> None:
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until, "it never was"
        time.sleep(0.01)


def test_connections_are_replaced_when_a_primary_has_failed_over() -> None:
    """And not when it was a replica's turn."""
    heard: list[str] = []
    with Server() as server:
        client = refused.client.connect(
            f"redis://127.0.0.1:{server.port}",
            maintenance=True,
            on_event=lambda event: heard.append(event.reason),
        )
        first = client.client_id()
        _wait(lambda: _subscribed(server))
        server.command("PUBLISH", maintenance.CHANNEL, MOVED.format("True"))
        _wait(lambda: heard.count("failed-over") == 1)
        assert client.client_id() == first
        server.command("PUBLISH", maintenance.CHANNEL, MOVED.format("False"))
        _wait(lambda: heard.count("failed-over") == 3)  # told, and renewed
        assert client.client_id() != first
        client.close()


def test_the_asynchronous_client_hears_it_too() -> None:
    """In a task that ends with the client."""

    async def work() -> None:
        with Server() as server:
            client = aio.connect(f"redis://127.0.0.1:{server.port}", maintenance=True)
            first = await client.client_id()
            await asyncio.to_thread(_wait, lambda: _subscribed(server))
            server.command("PUBLISH", maintenance.CHANNEL, MOVED.format("False"))
            until = time.monotonic() + 10
            while await client.client_id() == first:
                assert time.monotonic() < until
                await asyncio.sleep(0.02)
            await client.aclose()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())


def test_a_user_who_may_not_listen_is_left_in_peace() -> None:
    """One refusal, no second try; commands go on."""
    heard: list[refused.client.Event] = []
    with Server(users=["app on >pw ~* +@all resetchannels"]) as server:
        client = refused.client.connect(
            f"redis://app:pw@127.0.0.1:{server.port}", maintenance=True, on_event=heard.append
        )
        assert client.set("key", "value")
        _wait(lambda: heard)
        assert heard[0].reason == "no-permission"
        client.close()


# --- tokens -------------------------------------------------------------------------------------


class Issuer(CredentialProvider):
    """Issues a token at each asking, and has the server know it."""

    def __init__(self, server: Server, life_s: float) -> None:
        self.server = server
        self.life_s = life_s
        self.asked = 0
        self.is_down = False

    def get_credentials(self) -> tuple[str, str]:
        """Return a user and a new token."""
        self.asked += 1
        if self.is_down:
            raise ConnectionError("the identity service is not there")
        token = jwt(time.time() + self.life_s, str(self.asked))
        self.server.command("ACL", "SETUSER", "oid", "on", f">{token}", "~*", "&*", "+@all")
        return "oid", token


def test_one_token_serves_many_connections() -> None:
    """A storm of reconnects is no storm on the identity service."""
    with Server() as server:
        issuer = Issuer(server, 3600)
        client = refused.client.connect(
            f"redis://127.0.0.1:{server.port}", credential_provider=issuer, max_connections=10
        )
        held = [client.connection_pool.get_connection() for _ in range(10)]
        for connection in held:
            client.connection_pool.release(connection)
        assert issuer.asked == 1
        client.close()


def test_a_connection_logs_in_again_before_its_token_ends() -> None:
    """On the same connection, in both clients."""
    with Server() as server:
        issuer = Issuer(server, 2.0)
        url = f"redis://127.0.0.1:{server.port}"
        client = refused.client.connect(url, credential_provider=issuer)
        first = client.client_id()
        _wait(lambda: client.ping() and issuer.asked >= 3)
        assert client.client_id() == first
        client.close()

        async def work() -> None:
            again = Issuer(server, 2.0)
            other = aio.connect(url, credential_provider=again)
            first = await other.client_id()
            while again.asked < 3:
                await other.ping()
                await asyncio.sleep(0.02)
            assert await other.client_id() == first
            await other.aclose()

        asyncio.run(work())


def test_a_failed_renewal_is_tried_again_while_the_old_token_is_good() -> None:
    """Nobody who calls sees anything of it."""
    heard: list[str] = []
    with Server() as server:
        issuer = Issuer(server, 3600)
        client: Any = refused.client.connect(
            f"redis://127.0.0.1:{server.port}",
            credential_provider=issuer,
            on_event=lambda event: heard.append(event.name),
        )
        assert client.ping()
        issuer.is_down = True
        client.connection_pool.shared.credentials.renew_at = 0.0  # it is due
        refused.client.renew(client)
        assert client.ping()
        _wait(lambda: "token_failed" in heard)
        client.close()


def test_no_token_at_all_is_an_error_in_time() -> None:
    """With the provider's own error as its cause, and nothing of what that said."""
    with Server() as server:
        issuer = Issuer(server, 1)
        issuer.is_down = True
        client = refused.client.connect(
            f"redis://127.0.0.1:{server.port}", credential_provider=issuer, deadline=1.0
        )
        with pytest.raises(theirs.AuthenticationError, match="raised ConnectionError") as refusal:
            client.ping()
        assert isinstance(refusal.value.__cause__, ConnectionError)
        client.close()


@given(st.text(max_size=80))
def test_no_token_breaks_the_reader(token: str) -> None:
    """Opaque ones have no known end."""
    assert credentials.ends_at_s(token) is None or "." in token


def test_the_end_of_a_token_is_read_from_it() -> None:
    """In seconds since 1970."""
    assert credentials.ends_at_s(jwt(1795666065.0)) == 1795666065.0


def test_redis_entraid_is_asked_for_tokens_and_starts_no_thread() -> None:
    """Its own renewal would never end."""
    pytest.importorskip("redis_entraid")
    from refused.client import entra

    before = set(threading.enumerate())
    provider = entra.managed_identity()
    their_idp = provider._theirs._idp

    class Token:
        def try_get(self, _name: str) -> str:
            return "object-id"

        def get_value(self) -> str:
            return jwt(time.time() + 3600)

    their_idp.request_token = lambda _force_refresh=False: Token()
    kept = credentials.Credentials(provider, Events("cache:1"), 5.0)
    assert kept.get_credentials()[0] == "object-id"
    left = set(threading.enumerate()) - before
    assert not [one for one in left if one.is_alive() and "credentials" not in one.name]


# --- meanings -----------------------------------------------------------------------------------


@given(st.sampled_from(sorted(repeatable.READS)), st.lists(st.text(max_size=5), max_size=3))
def test_reads_may_be_sent_twice(name: str, words: list[str]) -> None:
    """In whatever spelling."""
    assert repeatable.is_repeatable((name.lower(), *words))
    assert repeatable.is_repeatable((name.encode(), *words))


@pytest.mark.parametrize(
    ("words", "may"),
    [
        (("SET", "k", "v"), True),
        (("SET", "k", "v", "EX", 5), True),
        (("SET", "k", "nx"), True),  # a value, no option
        (("SET", "k", "v", "NX"), False),
        (("set", b"k", b"v", b"px", 5, b"xx"), False),
        (("SET", "k", "v", "GET"), False),
        (("EXPIRE", "k", 5), True),
        (("EXPIRE", "k", 5, "GT"), False),
        (("INCR", "k"), False),
        (("LPUSH", "k", "v"), False),
        (("SADD", "k", "v"), False),
        (("DEL", "k"), False),
        (("EVALSHA", "sha", 0), False),
        (("PUBLISH", "c", "m"), False),
        (("XADD", "s", "*", "f", "v"), False),
        (("CLUSTER SLOTS",), True),
        (("CLUSTER", "FAILOVER"), False),
        (("CONFIG SET", "a", "b"), False),
        (("NO.SUCH", "k"), False),
    ],
)
def test_what_changes_its_answer_is_not_sent_twice(words: tuple[Any, ...], may: bool) -> None:
    """By name and by option."""
    assert repeatable.is_repeatable(words) is may


@pytest.mark.parametrize(
    ("words", "patience"),
    [
        (("BLPOP", "a", "b", 7), 7.0),
        (("BLPOP", "a", 0), 0.0),
        (("BLMPOP", 3, 1, "a", "LEFT"), 3.0),
        (("XREAD", "COUNT", 1, "BLOCK", 1500, "STREAMS", "s", "$"), 1.5),
        (("XREAD", "COUNT", 1, "STREAMS", "s", "$"), None),
        (("WAIT", 1, 250), 0.25),
        (("GET", "a"), None),
        (("BLPOP", "a", "soon"), None),
    ],
)
def test_a_blocking_commands_patience_is_read(
    words: tuple[Any, ...], patience: float | None
) -> None:
    """Wherever it stands among the words."""
    assert repeatable.patience_s(words) == patience


@pytest.mark.parametrize(
    "error",
    [
        theirs.ConnectionError("x"),
        theirs.TimeoutError("x"),
        theirs.AuthenticationError("x"),
        theirs.NoPermissionError("x"),
        theirs.BusyLoadingError("x"),
        theirs.ReadOnlyError("x"),
        theirs.MasterDownError("x"),
        theirs.ClusterDownError("x"),
        theirs.TryAgainError("x"),
        theirs.MaxConnectionsError("x"),
        refused.client.CircuitOpen("x"),
        refused.client.GaveUp("x"),
        OSError(104, "reset"),
        ValueError("x"),
    ],
)
def test_every_error_has_a_meaning_from_the_closed_sets(error: Exception) -> None:
    """Labels of metrics are bounded."""
    stage, reason = reasons.meaning(error)
    assert stage in reasons.STAGES
    assert reason in reasons.REASONS
