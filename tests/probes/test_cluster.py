"""Clusters as they show themselves, keys and their slots, and visits to every node."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from refused.evidence.observations import (
    ClusterNode,
    ClusterTopology,
    NodeVisit,
    Observation,
    RedisReply,
    Unseen,
)
from refused.evidence.redaction import Secret
from refused.evidence.target import Credentials
from refused.lab.cluster import Cluster, Node
from refused.lab.servers import Server
from refused.probes import resp, tcp
from refused.probes.cluster import SLOTS, foreign_slot_key, look, slot_of, visit
from refused.probes.login import log_in
from refused.probes.resp import Conversation
from tests.conftest import LATE_S
from tests.probes.papers import Papers
from tests.probes.peers import HERE, Peer, free_port, listen, redis, say, server_context, tls
from tests.probes.talking import (
    PROGRAMS,
    SOON_S,
    WAIT_S,
    answer_each,
    talk_to,
    talk_with,
    target_of,
)
from tests.probes.wire.garbage import mutated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PRIMARIES = [Node(HERE, 0)] * 3


@pytest.fixture(scope="module", params=PROGRAMS)
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Form three primaries, one of which has a replica."""
    with Cluster(PRIMARIES, [Node(HERE, 0)], program=request.param) as formed:
        yield formed


def topology_of(facts: Sequence[object]) -> ClusterTopology:
    """Return what was seen of the cluster."""
    (found,) = (fact for fact in facts if isinstance(fact, ClusterTopology))
    return found


def commands(facts: Sequence[object]) -> dict[str, str]:
    """Return how each command fared."""
    return {fact.command: fact.outcome for fact in facts if isinstance(fact, RedisReply)}


def shape_of(topology: ClusterTopology) -> set[tuple[object, ...]]:
    """Return what every command must agree on."""
    return {(n.host, n.port, n.role, n.slots, n.node_id) for n in topology.nodes}


# --- through the front door --------------------------------------------------------------------


def test_a_cluster_shows_its_nodes(cluster: Cluster) -> None:
    """All slots, three primaries, the replica without slots of its own; ourselves first."""
    for server in cluster.servers[:3]:
        with talk_to(server.port) as talk:
            facts = look(talk, target_of(server), wait_s=WAIT_S)
        topology = topology_of(facts)

        assert (topology.enabled, topology.state, topology.source) == (True, "ok", "CLUSTER SLOTS")
        assert (topology.slots_covered, topology.slots_failing) == (SLOTS, 0)
        assert {node.port for node in topology.nodes} == {each.port for each in cluster.servers}
        assert topology.nodes[0].port == server.port
        assert sorted(node.role for node in topology.nodes) == ["primary"] * 3 + ["replica"]
        assert [node.slots for node in topology.nodes if node.role == "replica"] == [()]
        assert commands(facts) == {"CLUSTER INFO": "ok", "CLUSTER SLOTS": "ok"}


@pytest.mark.parametrize(
    ("hidden", "means"),
    [
        ("-cluster|slots", "CLUSTER SHARDS"),
        ("-cluster|slots -cluster|shards", "CLUSTER NODES"),
        ("-cluster|slots -cluster|info -cluster|myid", "CLUSTER SHARDS"),
    ],
)
def test_three_commands_agree(cluster: Cluster, hidden: str, means: str) -> None:
    """A service that hides one of them may still answer another."""
    server = cluster.servers[0]
    with talk_to(server.port) as talk:
        whole = topology_of(look(talk, target_of(server), wait_s=WAIT_S))
    server.command("ACL", "SETUSER", "narrow", "reset", "on", ">narrow", "+@all", *hidden.split())
    with talk_to(server.port) as talk:
        talk.ask("AUTH", "narrow", "narrow", wait_s=WAIT_S)
        facts = look(talk, target_of(server), wait_s=WAIT_S)
    topology = topology_of(facts)

    assert topology.source == means
    assert shape_of(topology) == shape_of(whole)
    assert topology.slots_covered == SLOTS
    assert commands(facts)["CLUSTER SLOTS"] == "error"


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_either_protocol_tells_the_same(cluster: Cluster, protocol: str) -> None:
    """Lists in one, maps in the other."""
    server = cluster.servers[1]
    server.command("ACL", "SETUSER", "narrow", "reset", "on", ">narrow", "+@all", "-cluster|slots")
    with talk_to(server.port) as talk:
        talk.ask("HELLO", protocol, "AUTH", "narrow", "narrow", wait_s=WAIT_S)
        topology = topology_of(look(talk, target_of(server), wait_s=WAIT_S))

    assert topology.source == "CLUSTER SHARDS"
    assert len(topology.nodes) == 4
    assert {node.health for node in topology.nodes} == {"online"}


def test_the_topology_can_be_saved(cluster: Cluster) -> None:
    """Every fact comes back from JSON as it was."""
    with talk_to(cluster.servers[0].port) as talk:
        for fact in look(talk, target_of(cluster.servers[0]), wait_s=WAIT_S):
            assert type(fact).from_json(fact.to_json()) == fact


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_server_that_is_no_cluster_says_so(program: str) -> None:
    """What a cluster client meets there is told as well."""
    with Server(program=program) as server, talk_to(server.port) as talk:
        facts = look(talk, target_of(server, cluster_aware=True), wait_s=WAIT_S)

    assert topology_of(facts).enabled is False
    assert commands(facts) == {"CLUSTER INFO": "error", "CLUSTER SLOTS": "error"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_server_that_hides_everything_is_unseen(program: str) -> None:
    """Whether it is a cluster is not told, so we don't tell either."""
    users = ["narrow on >narrow ~* +@all -cluster"]
    with Server(program=program, cluster=True, users=users) as server, talk_to(server.port) as talk:
        talk.ask("AUTH", "narrow", "narrow", wait_s=WAIT_S)
        facts = look(talk, target_of(server), wait_s=WAIT_S)

    assert isinstance(facts[0], Unseen)
    assert facts[0].what == "ClusterTopology"
    assert "NOPERM" in facts[0].why
    assert not any(isinstance(fact, ClusterTopology) for fact in facts)
    assert set(commands(facts).values()) == {"error"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_slots_that_nobody_has_are_counted(program: str) -> None:
    """The cluster is down, and says how much of it is there."""
    slots = [[(0, 99)], [(200, 16383)]]
    with (
        Cluster(PRIMARIES[:2], slots=slots, program=program) as formed,
        talk_to(formed.servers[0].port) as talk,
    ):
        topology = topology_of(look(talk, target_of(formed.servers[0]), wait_s=WAIT_S))
        key = foreign_slot_key(topology, HERE, formed.servers[0].port)
        assert key is not None
        down = resp.dry_read(talk, key, WAIT_S)

    assert (topology.state, topology.slots_covered) == ("fail", SLOTS - 100)
    assert (down.outcome, down.error_code) == ("error", "CLUSTERDOWN")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_cluster_without_any_slot_covers_none(program: str) -> None:
    """A node that was just started, and never told anything."""
    with Server(program=program, cluster=True) as server, talk_to(server.port) as talk:
        topology = topology_of(look(talk, target_of(server), wait_s=WAIT_S))

    assert (topology.enabled, topology.state, topology.slots_covered) == (True, "fail", 0)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_node_that_keeps_its_address_is_the_one_we_dialled(program: str) -> None:
    """Its host is null in the reply, and clients keep to the name that they know."""
    with (
        Cluster(PRIMARIES, endpoint="unknown-endpoint", program=program) as formed,
        talk_to(formed.servers[0].port) as talk,
    ):
        target = target_of(formed.servers[0]).replace(host="cache.example.com")
        topology = topology_of(look(talk, target, wait_s=WAIT_S))

    assert {node.host for node in topology.nodes} == {"cache.example.com"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_cluster_that_prefers_names_announces_names(program: str) -> None:
    """As it is told to; a client dials what it is given."""
    nodes = [Node(HERE, 0, hostname=f"node-{at}.example.com") for at in range(3)]
    with (
        Cluster(nodes, endpoint="hostname", program=program) as formed,
        talk_to(formed.servers[0].port) as talk,
    ):
        topology = topology_of(look(talk, target_of(formed.servers[0]), wait_s=WAIT_S))

    assert {node.host for node in topology.nodes} == {node.hostname for node in nodes}


def test_a_connection_that_ends_is_no_topology() -> None:
    """How it ended is told once, and nothing further is asked."""
    with talk_with(answer_each()) as talk:
        unseen, *replies = look(talk, target_of(1), wait_s=WAIT_S)

    assert isinstance(unseen, Unseen)
    assert [type(reply) for reply in replies] == [RedisReply]


# --- keys and slots ----------------------------------------------------------------------------


@given(key=st.one_of(st.text(), st.from_regex(r"[a{}]{0,9}")))
def test_a_key_has_the_slot_that_a_client_would_send_it_to(key: str) -> None:
    """Hash tags, nested, empty and half open ones too."""
    assert slot_of(key) == key_slot(key.encode())


def test_a_foreign_key_is_sent_elsewhere(cluster: Cluster) -> None:
    """From every node, by the node's own word; a plain client meets that as MOVED."""
    for server in cluster.servers:
        with talk_to(server.port) as talk:
            topology = topology_of(look(talk, target_of(server), wait_s=WAIT_S))
            key = foreign_slot_key(topology, HERE, server.port)
            assert key is not None
            seen = resp.dry_read(talk, key, WAIT_S)

        assert (seen.command, seen.outcome, seen.error_code) == ("EXISTS", "error", "MOVED")


def test_behind_a_front_door_the_node_that_named_itself_is_ours(cluster: Cluster) -> None:
    """The front door's own address and port are nobody's."""
    for server in cluster.servers[:3]:
        with talk_to(server.port) as talk:
            topology = topology_of(look(talk, target_of(server), wait_s=WAIT_S))
            key = foreign_slot_key(topology, "cache.example.com", 6380)
            assert key is not None
            assert resp.dry_read(talk, key, WAIT_S).error_code == "MOVED"


def test_a_dry_write_finds_a_key_of_the_node_itself(cluster: Cluster) -> None:
    """Being sent elsewhere says nothing about writes here."""
    seen = []
    for server in cluster.servers[:3]:
        with talk_to(server.port) as talk:
            seen.append(resp.dry_write(talk, WAIT_S))
        assert server.command("DBSIZE") == 0

    assert {(each.outcome, each.reply) for each in seen} == {("ok", "0")}


def node(host: str, port: int, role: str = "primary", *slots: tuple[int, int]) -> ClusterNode:
    """Make a node as it is announced."""
    return ClusterNode(host=host, port=port, role=role, slots=slots, node_id=f"{host}:{port}")


def drawn(*nodes: ClusterNode) -> ClusterTopology:
    """Make a topology of *nodes*."""
    return ClusterTopology(
        vantage="here", at=0.0, took_ms=0.0, source="test", enabled=True, nodes=nodes
    )


def test_one_primary_has_no_foreign_keys() -> None:
    """Nor has a topology without any."""
    assert foreign_slot_key(drawn(), HERE, 1) is None
    assert foreign_slot_key(drawn(node(HERE, 1, "primary", (0, 16383))), HERE, 1) is None


@given(first=st.integers(0, SLOTS - 2))
def test_however_few_slots_a_node_has_a_key_is_found(first: int) -> None:
    """One slot of 16,384 is hit in the end."""
    ours = node("10.0.0.1", 1, "primary", (first + 1, SLOTS - 1))
    theirs = node("10.0.0.2", 1, "primary", (first, first))
    key = foreign_slot_key(drawn(theirs, ours), "10.0.0.1", 1)

    assert key is not None
    assert slot_of(key) == first


def test_a_node_is_known_by_its_port_where_its_name_differs() -> None:
    """We dialled a name, and it announces an address."""
    low, high = (
        node("10.0.0.1", 7001, "primary", (0, 8191)),
        node("10.0.0.2", 7002, "primary", (8192, 16383)),
    )
    key = foreign_slot_key(drawn(low, high), "two.example.com", 7002)

    assert key is not None
    assert slot_of(key) <= 8191


# --- visits ------------------------------------------------------------------------------------


def at(
    host: str = HERE,
    port: int = 0,
    *,
    addresses: tuple[str, ...] = (HERE,),
    tls_options: dict[str, Any] | None = None,
    credentials: tuple[str | None, str | None] = (None, None),
    front_name: str = "",
    wait_s: float = WAIT_S,
) -> NodeVisit:
    """Visit a node as the walk does."""
    user, password = credentials
    given = Credentials(user, Secret(password) if password is not None else None)

    def log_in_as_given(talk: Conversation) -> tuple[RedisReply, ...]:
        return log_in(talk, given, target=target_of(1), wait_s=wait_s)

    return visit(
        node(host, port),
        dial=lambda address, port, limit_s: tcp.dial(
            address, port, vantage="here", wait_s=limit_s, purpose="node"
        ),
        resolve=lambda _: addresses,
        tls_options=tls_options,
        login=log_in_as_given,
        wait_s=wait_s,
        vantage="here",
        front_name=front_name,
    )


def test_every_node_of_a_cluster_is_visited(cluster: Cluster) -> None:
    """As announced."""
    with talk_to(cluster.servers[0].port) as talk:
        topology = topology_of(look(talk, target_of(cluster.servers[0]), wait_s=WAIT_S))
    visits = [at(each.host, each.port) for each in topology.nodes]

    assert [(each.stage, each.outcome, each.failed) for each in visits] == [
        ("done", "ok", False)
    ] * 4
    assert {each.address for each in visits} == {HERE}


def test_a_node_whose_name_has_no_address_is_not_dialled() -> None:
    """The client's resolver decides."""
    seen = at("node-1.example.com", 1, addresses=())

    assert (seen.stage, seen.outcome, seen.address) == ("name", "not-found", "")
    assert seen.failed


def test_a_node_on_which_nobody_listens_refuses() -> None:
    """With the error's number."""
    port = free_port()
    seen = at(port=port)

    assert (seen.stage, seen.outcome, seen.address) == ("tcp", "refused", HERE)
    assert seen.detail.startswith("errno ")


def test_a_node_is_reached_at_whichever_address_accepts() -> None:
    """Clients go on to the next."""
    with Server() as server:
        seen = at("node.example.com", server.port, addresses=("127.0.0.99", HERE))

    assert (seen.stage, seen.address) == ("done", HERE)


def test_a_node_that_says_nothing_is_left_in_time() -> None:
    """The whole visit has one limit."""
    with Peer(listen) as peer:
        seen = at(port=peer.port, wait_s=SOON_S)

    assert (seen.stage, seen.outcome) == ("resp", "silent")
    assert seen.took_ms < 1000 * (SOON_S + LATE_S)


def test_a_node_that_is_no_redis_is_none() -> None:
    """Its first bytes are shown."""
    with Peer(say(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as peer:
        seen = at(port=peer.port)

    assert (seen.stage, seen.outcome) == ("resp", "not-resp")
    assert seen.detail.startswith("HTTP/1.1 400")


def test_the_login_holds_on_every_node() -> None:
    """The right password, the wrong one, and none."""
    with Server(password="right-password", users=["mute on >mute-password +@all -ping"]) as server:
        right = at(port=server.port, credentials=(None, "right-password"))
        wrong = at(port=server.port, credentials=(None, "wrong-password"))
        none = at(port=server.port)
        mute = at(port=server.port, credentials=("mute", "mute-password"))

    assert right.stage == "done"
    assert (wrong.stage, wrong.outcome) == ("resp", "WRONGPASS")
    assert (none.stage, none.outcome) == ("resp", "NOAUTH")
    assert mute.stage == "done", "a user that may not PING is let in"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Make an authority."""
    return Papers(tmp_path_factory.mktemp("papers"))


@contextlib.contextmanager
def tls_node(papers: Papers, chain: Path, folder: Path, clients: str = "no") -> Iterator[int]:
    """Run a real node that speaks TLS alone."""
    port = free_port()
    options = {
        "port": "0",
        "tls-port": str(port),
        "tls-cert-file": str(chain),
        "tls-key-file": str(chain),
        "tls-ca-cert-file": str(papers.ca_file),
        "tls-auth-clients": clients,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with redis(folder, port, *words):
        yield port


def test_a_node_is_held_to_the_name_that_it_announces(papers: Papers, tmp_path: Path) -> None:
    """With the client's own authorities."""
    trusting = {"ca_file": str(papers.ca_file)}
    with tls_node(papers, papers.issue("node-1.example.com"), tmp_path) as port:
        right = at("node-1.example.com", port, tls_options=trusting, front_name="front.example.com")
        wrong = at(
            "node-2.example.com", port, tls_options=trusting, front_name="node-1.example.com"
        )
        strange = at("node-1.example.com", port, tls_options={"ca_file": str(papers.other_ca_file)})
        careless = at("node-2.example.com", port, tls_options={**trusting, "verify": False})

    assert (right.stage, right.outcome, right.detail) == ("done", "ok", "")
    assert (wrong.stage, wrong.outcome) == ("tls", "name-mismatch")
    assert "node-2.example.com" in wrong.detail
    assert (strange.stage, strange.outcome) == ("tls", "untrusted")
    assert careless.stage == "done"


def test_a_bare_address_is_checked_under_the_name_of_the_front_door(
    papers: Papers, tmp_path: Path
) -> None:
    """No certificate holds such addresses; clients are told to check another name."""
    trusting = {"ca_file": str(papers.ca_file)}
    with tls_node(papers, papers.issue("front.example.com"), tmp_path) as port:
        as_front = at(HERE, port, tls_options=trusting, front_name="front.example.com")
        as_itself = at(HERE, port, tls_options=trusting)

    assert (as_front.stage, as_front.detail) == ("done", "checked as front.example.com")
    assert (as_itself.stage, as_itself.outcome) == ("tls", "name-mismatch")


def test_a_node_that_wants_a_certificate_says_so_late(papers: Papers, tmp_path: Path) -> None:
    """In TLS 1.3 its alert comes in place of the first answer."""
    with tls_node(papers, papers.issue("node-1.example.com"), tmp_path, "yes") as port:
        seen = at("node-1.example.com", port, tls_options={"ca_file": str(papers.ca_file)})

    assert (seen.stage, seen.outcome, seen.detail) == ("tls", "alert", "certificate_required")


def test_plain_text_on_a_port_of_tls_is_seen(papers: Papers) -> None:
    """And TLS on a port of plain text."""
    with Peer(tls(server_context(papers.good))) as peer:
        plain = at(port=peer.port)
    with Peer(say(b"-ERR Protocol error\r\n")) as peer:
        shaken = at(port=peer.port, tls_options={"ca_file": str(papers.ca_file)})

    assert plain.stage == "resp"
    assert plain.outcome in ("not-resp", "closed", "reset")
    assert (shaken.stage, shaken.outcome) == ("tls", "not-tls")


# --- whatever a server may say -----------------------------------------------------------------

SLOTS_REPLY = b"*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:7000\r\n$2\r\nid\r\n"
NODES_REPLY = b"$60\r\nid 10.0.0.1:1@2 myself,master - 0 0 1 connected 0-100 200 [x\r\n"
REPLIES = st.sampled_from(
    [
        b"$18\r\ncluster_state:ok\r\n\r\n" + SLOTS_REPLY + b"$2\r\nid\r\n",
        b"-ERR unknown\r\n-ERR unknown\r\n-ERR unknown\r\n*0\r\n$5\r\nx y z\r\n",
        b"-NOPERM a\r\n-NOPERM b\r\n-NOPERM c\r\n:1\r\n" + NODES_REPLY,
        b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
        b"*0\r\n*0\r\n*0\r\n*1\r\n%2\r\n+slots\r\n*2\r\n:0\r\n:5\r\n+nodes\r\n*1\r\n%1\r\n+port\r\n:1\r\n+x\r\n",
    ]
)


class Script:
    """A channel on which everything has been said already."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def send(self, data: bytes) -> None:
        """Take the question, and don't listen."""

    def recv(self, wait_s: float) -> bytes:  # noqa: ARG002 - as channels have it
        """Say everything, then nothing more."""
        said, self.data = self.data, b""
        return said


@given(said=st.one_of(mutated(REPLIES), REPLIES, st.binary(max_size=200)), with_tls=st.booleans())
def test_whatever_is_said_becomes_facts_that_can_be_saved(said: bytes, with_tls: bool) -> None:
    """No reply is so strange that it raises; and no more than all slots are covered."""
    talk = Conversation(Script(said), address=HERE, port=1, vantage="here")
    facts = look(talk, target_of(1, tls=with_tls), wait_s=SOON_S)

    for fact in facts:
        assert isinstance(fact, (Observation, Unseen))
        assert type(fact).from_json(fact.to_json()) == fact
        if isinstance(fact, ClusterTopology):
            assert fact.slots_covered is None or 0 <= fact.slots_covered <= SLOTS
            foreign_slot_key(fact, HERE, 1)
