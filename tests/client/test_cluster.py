"""Clusters: moved slots, lost nodes, and addresses that no certificate is for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import redis
import redis.asyncio
import redis.exceptions as theirs

import refused.client
from refused.client import aio, settings
from refused.client.cluster import remap, server_name
from refused.lab.certificates import Authority
from refused.lab.cluster import Cluster, Node
from refused.lab.fronts import Tls
from refused.lab.network import Door
from refused.lab.servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NODES = [Node("127.0.0.1", port) for port in (7001, 7002, 7003)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three primaries."""
    with Cluster(NODES) as running:
        yield running


@pytest.fixture
def url(cluster: Cluster) -> str:
    """The first node's URL."""
    return f"redis://127.0.0.1:{cluster.servers[0].port}"


def move_slot(cluster: Cluster, slot: int, before: int, after: int) -> None:
    """Give an empty slot to another node, and tell every node."""
    owner = cluster.servers[after].command("CLUSTER", "MYID")
    assert isinstance(owner, (bytes, str))
    for at in (after, before, *range(len(cluster.servers))):
        cluster.servers[at].command("CLUSTER", "SETSLOT", slot, "NODE", owner)


def test_the_client_is_redis_pys(url: str) -> None:
    """It is a redis.RedisCluster, and works as one."""
    client: Any = refused.client.connect(url, cluster=True)
    assert isinstance(client, redis.RedisCluster)
    for at in range(30):
        assert client.set(f"key:{at}", at)
        assert client.get(f"key:{at}") == str(at).encode()
    with client.pipeline() as pipeline:  # type: ignore[no-untyped-call]
        for at in range(10):
            pipeline.get(f"key:{at}")
        assert pipeline.execute() == [str(at).encode() for at in range(10)]
    client.close()


def test_a_moved_slot_is_followed(cluster: Cluster, url: str) -> None:
    """Neither client shows the application anything of it."""
    client: Any = refused.client.connect(url, cluster=True)
    slot = client.keyslot("moving")
    client.delete("moving")
    owner = next(at for at in range(3) if any(a <= slot <= b for a, b in cluster.slots[at]))
    after = (owner + 1) % 3
    move_slot(cluster, slot, owner, after)
    assert client.incr("moving") == 1

    async def work() -> None:
        other = aio.connect(url, cluster=True)
        assert isinstance(other, redis.asyncio.RedisCluster)
        assert await other.incr("moving") == 2
        await asyncio.to_thread(other_way)
        assert await other.incr("moving") == 1
        await other.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def other_way() -> None:
        client.delete("moving")
        move_slot(cluster, slot, after, owner)

    asyncio.run(work())
    client.close()


def test_a_lost_node_holds_nobody_longer_than_the_deadline() -> None:
    """Its slots have no other owner; the error says so, and the others' keys go on."""
    with Cluster(NODES) as cluster:
        client: Any = refused.client.connect(
            f"redis://127.0.0.1:{cluster.servers[0].port}", cluster=True, deadline=3.0
        )
        keys = {
            client.nodes_manager.get_node_from_slot(client.keyslot(key)).port: key
            for key in "abcdefgh"
        }
        for key in keys.values():
            client.set(key, key)
        lost = cluster.servers[2]
        lost.kill()
        with pytest.raises((theirs.RedisError, theirs.RedisClusterException)):
            client.get(keys[lost.port])
        lost.start()
        client.close()


def test_no_node_at_all_is_an_error_in_time() -> None:
    """Both clients say what they could not reach."""
    url = f"redis://127.0.0.1:{free_port()}"
    with pytest.raises(theirs.RedisClusterException, match="cannot be connected"):
        refused.client.connect(url, cluster=True, deadline=0.5)

    async def work() -> None:
        client = aio.connect(url, cluster=True, deadline=0.5)
        with pytest.raises(theirs.RedisClusterException, match="cannot be connected"):
            await client.get("key")
        await client.aclose()

    asyncio.run(work())


def test_a_login_that_is_refused_is_final() -> None:
    """No second try, and no password in what is said."""
    with Server(cluster=True, password="right") as server:
        with pytest.raises((theirs.RedisError, theirs.RedisClusterException)) as refusal:
            refused.client.connect(f"redis://:wr0ng@127.0.0.1:{server.port}", cluster=True)
        assert "wr0ng" not in str(refusal.value)


def test_many_coroutines_share_a_bounded_number_of_connections(url: str) -> None:
    """redis-py's own node raises when they are out."""

    async def work() -> None:
        client = aio.connect(url, cluster=True, max_connections=4, deadline=20)
        await client.set("key", "value")
        assert await asyncio.gather(*(client.get("key") for _ in range(300))) == [b"value"] * 300
        await client.aclose()

    asyncio.run(work())


def test_nodes_behind_tls_are_verified_against_the_name_that_was_given(tmp_path: Path) -> None:
    """The nodes announce bare addresses; the certificate is for the cache's name."""
    authority = Authority(tmp_path)
    certificate = authority.issue("localhost")
    with Cluster(NODES) as cluster:
        doors = [
            Door(Tls(cluster.front(at), certificate)).start() for at in range(len(cluster.servers))
        ]
        cluster.nodes = tuple(Node("127.0.0.1", door.port) for door in doors)
        try:
            url = f"rediss://localhost:{doors[0].port}"
            client: Any = refused.client.connect(url, cluster=True, ssl_ca_certs=authority.ca_file)
            for at in range(20):
                assert client.set(f"key:{at}", at)
            client.close()

            async def work() -> None:
                other = aio.connect(url, cluster=True, ssl_ca_certs=authority.ca_file)
                for at in range(20):
                    assert await other.get(f"key:{at}") == str(at).encode()
                await other.aclose()

            asyncio.run(work())
            with pytest.raises((theirs.RedisError, theirs.RedisClusterException)):
                refused.client.connect(url, cluster=True)  # nobody vouches for it
        finally:
            for door in doors:
                door.stop()


@pytest.mark.parametrize(
    ("url", "announced", "dialled"),
    [
        ("rediss://c.westeurope.redis.azure.net:10000", ("10.1.2.3", 8501), "name"),
        ("rediss://c.redis.cache.windows.net:6380", ("40.1.2.3", 15001), "name"),
        ("rediss://c.redis.cache.windows.net:6380", ("other.example", 15001), "as announced"),
        ("redis://c.redis.cache.windows.net:6379", ("40.1.2.3", 13001), "as announced"),
        ("rediss://c.example:6379", ("10.1.2.3", 6379), "as announced"),
    ],
)
def test_azures_nodes_are_dialled_by_name(url: str, announced: Any, dialled: str) -> None:
    """Elsewhere a node's address is its own, and only the certificate is the name's."""
    wanted = settings.read(url)
    mapping = remap(wanted)
    found = mapping(announced) if mapping is not None else announced
    assert found == ((wanted.host, announced[1]) if dialled == "name" else announced)
    assert server_name(wanted, "10.1.2.3") == wanted.host
    assert server_name(wanted, "node.example") == ""
