"""See the cluster through the front door, then visit its nodes as a cluster client would.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from binascii import crc_hqx

from refused.evidence.observations import ClusterTopology, NodeVisit, Unseen
from refused.evidence.path import is_literal
from refused.evidence.redaction import redact
from refused.probes.conversation import Conversation
from refused.probes.stopwatch import Deadline, Stopwatch
from refused.probes.wire.resp import (
    NotResp,
    parse_cluster_info,
    parse_cluster_nodes,
    parse_cluster_shards,
    parse_cluster_slots,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Sequence, Tuple, Union

    from refused.evidence.observations import (
        ClusterNode,
        Observation,
        RedisReply,
        TcpDial,
    )
    from refused.evidence.target import Target

    Fact = Union[Observation, Unseen]
    Nodes = Tuple[ClusterNode, ...]

SLOTS = 16384
# Few names have more addresses, and each that is silent costs a dial.
_MOST_ADDRESSES = 3
# One slot alone is hit after 16,384 keys on average; after so many, missed once in 200,000 times.
_MOST_KEYS = 200_000


# --- through the front door --------------------------------------------------------------------


def look(talk: Conversation, target: Target, *, wait_s: float) -> Tuple[Fact, ...]:
    """Ask for state and nodes, by the first of three commands that the service allows.

    ``CLUSTER SLOTS`` comes first because that is what clients ask; services that hide it may still
    answer ``CLUSTER SHARDS`` or ``CLUSTER NODES``. Where the server says which node it is, that
    node is put first.

    Returns:
        The topology, or why it was not seen, and the replies. A command by which nobody gets
        anywhere is among them, for that is what a cluster client meets.
    """
    watch = Stopwatch(talk.vantage)
    answers = talk.ask_many([("CLUSTER", each) for each in ("INFO", "SLOTS", "MYID")], wait_s)
    replies = [seen for _, seen in answers if seen.command != "CLUSTER MYID"]
    if any(_says_no_cluster(seen) for seen in replies):
        return (ClusterTopology(enabled=False, **watch.stamp("CLUSTER INFO")), *replies)
    values = {seen.command: value for value, seen in answers if seen.outcome == "ok"}
    nodes: Nodes = _read("CLUSTER SLOTS", values, target)
    means = "CLUSTER SLOTS"
    if not nodes and not talk.is_over:
        others = talk.ask_many([("CLUSTER", each) for each in ("SHARDS", "NODES")], wait_s)
        for value, seen in others:
            replies.append(seen)
            if seen.outcome == "ok" and not nodes:
                nodes, means = _read(seen.command, {seen.command: value}, target), seen.command
    info = _fields(values.get("CLUSTER INFO"))
    if not nodes and not info:
        return (_unseen(talk, replies), *replies)
    return (
        ClusterTopology(
            enabled=True,
            state=info.get("cluster_state"),
            slots_covered=_covered(nodes) if nodes else _slots_in(info, "cluster_slots_assigned"),
            slots_failing=_slots_in(info, "cluster_slots_fail"),
            nodes=_ours_first(nodes, values.get("CLUSTER MYID")),
            **watch.stamp(means if nodes else "CLUSTER INFO"),
        ),
        *replies,
    )


def _says_no_cluster(seen: RedisReply) -> bool:
    return seen.error_code == "ERR" and "cluster support disabled" in seen.error_text


def _unseen(talk: Conversation, replies: List[RedisReply]) -> Unseen:
    said = "; ".join(f"{each.command}: {each.error_text or each.outcome}" for each in replies)
    return Unseen(
        vantage=talk.vantage,
        what="ClusterTopology",
        why=f"the server does not show its nodes ({redact(said)[:300]})",
        how_to_see="log in as a user that may use CLUSTER SLOTS",
    )


def _read(command: str, values: Dict[str, Any], target: Target) -> Nodes:
    """Read the nodes out of one command's value; none where it is not well formed."""
    value = values.get(command)
    if value is None:
        return ()
    try:
        if command == "CLUSTER SLOTS":
            nodes = parse_cluster_slots(value)
        elif command == "CLUSTER SHARDS":
            nodes = parse_cluster_shards(value, tls=target.tls)
        else:
            nodes = parse_cluster_nodes(value)
    except NotResp:
        return ()
    # No host means "the one that you are talking to", and clients keep the name they dialled.
    return tuple(node if node.host else node.replace(host=target.host) for node in nodes)


def _fields(text: object) -> Dict[str, str]:
    try:
        return parse_cluster_info(text) if text is not None else {}
    except NotResp:
        return {}


def _slots_in(fields: Dict[str, str], name: str) -> int | None:
    text = fields.get(name, "")
    return min(int(text), SLOTS) if text.isdecimal() and len(text) < 6 else None


def _covered(nodes: Nodes) -> int:
    covered = bytearray(SLOTS)
    for node in nodes:
        for first, last in node.slots if node.role == "primary" else ():
            covered[first : last + 1] = b"\1" * (last + 1 - first)
    return covered.count(1)


def _ours_first(nodes: Nodes, own_id: object) -> Nodes:
    own = own_id.decode("ascii", "replace") if isinstance(own_id, bytes) else own_id
    return tuple(sorted(nodes, key=lambda node: not own or node.node_id != own))


# --- keys and slots ----------------------------------------------------------------------------


def slot_of(key: str) -> int:
    """Return the slot of a key: CRC16 (XMODEM) of its hash tag, modulo 16384.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/,
    "Key distribution model" and "Hash tags".
    """
    raw = key.encode()
    start = raw.find(b"{")
    end = raw.find(b"}", start + 1) if start >= 0 else -1
    return crc_hqx(raw[start + 1 : end] if end > start + 1 else raw, 0) % SLOTS


def foreign_slot_key(topology: ClusterTopology, host: str, port: int) -> str | None:
    """Return a key that lives on another node than the one we talk to; ``None`` with one primary.

    We talk to the node announced as *host* and *port*; else to the only one with that port (it
    may announce an address where we dialled a name); else to the first one, where :func:`look`
    puts the node that has named itself. A front door that is no node and keeps to itself which one
    it leads to leaves a guess.
    """
    primaries = [node for node in topology.nodes if node.role == "primary" and node.slots]
    if len(primaries) < 2:
        return None
    exact = [
        node for node in topology.nodes if (node.host.lower(), node.port) == (host.lower(), port)
    ]
    by_port = [node for node in topology.nodes if node.port == port]
    ours = exact[0] if exact else by_port[0] if len(by_port) == 1 else topology.nodes[0]
    return _key_in(next(node for node in reversed(primaries) if node is not ours).slots)


def _key_in(ranges: Sequence[Tuple[int, int]]) -> str | None:
    for number in range(_MOST_KEYS):
        key = f"refused:probe:{number}"
        slot = slot_of(key)
        if any(first <= slot <= last for first, last in ranges):
            return key
    return None


# --- to the nodes ------------------------------------------------------------------------------


def visit(
    node: ClusterNode,
    *,
    dial: Callable[[str, int, float], Tuple[Any, TcpDial]],
    resolve: Callable[[str], Tuple[str, ...]],
    tls_options: Dict[str, Any] | None,
    login: Callable[[Conversation], Tuple[RedisReply, ...]],
    wait_s: float,
    vantage: str,
    front_name: str = "",
) -> NodeVisit:
    """Go to one node: resolve what it announces, dial, TLS, log in, PING.

    A node that announces a name is held to it. One that announces a bare address, as Azure's do, is
    checked under *front_name*, the name of the front door: that is what clients for these services
    are set to do, and no certificate holds such addresses.

    Args:
        dial: Dials an address and port within so many seconds.
        resolve: Returns a name's addresses in the client's order, none where it has none.
        tls_options: How the client shakes hands; ``None`` where it speaks plain text.
        login: Logs in on the conversation, and returns the replies.
        wait_s: How long the whole visit may take.
    """
    watch, deadline = Stopwatch(vantage), Deadline(wait_s)
    where: Dict[str, Any] = {"host": node.host, "port": node.port, "role": node.role}

    def seen(stage: str, outcome: str, detail: str = "", address: str = "") -> NodeVisit:
        return NodeVisit(
            stage=stage,
            outcome=outcome,
            detail=redact(detail)[:200],
            address=address,
            **where,
            **watch.stamp("a visit"),
        )

    addresses = resolve(node.host)[:_MOST_ADDRESSES]
    if not addresses:
        return seen("name", "not-found", f"{node.host} has no address here")
    sock, dialled = _reach(addresses, node.port, dial, deadline)
    address = dialled.address
    if sock is None:
        said = f"errno {dialled.errno}" if dialled.errno else ""
        return seen("tcp", dialled.outcome, said, address)
    name = front_name if front_name and is_literal(node.host) else node.host
    channel: Any
    if tls_options is not None:
        from refused.probes import tls

        channel, shake, _ = tls.handshake(
            sock,
            address=address,
            port=node.port,
            wait_s=deadline.left(),
            vantage=vantage,
            purpose="node",
            **{"sni": name, **tls_options},
        )
        if channel is None:
            said = shake.verify_text or shake.error_text or shake.alert or ""
            return seen("tls", shake.outcome, said, address)
    else:
        from refused.probes.plain import PlainChannel

        channel = PlainChannel(sock)
    try:
        talk = Conversation(channel, address=address, port=node.port, vantage=vantage)
        refused = _refusal(talk, login, deadline)
    finally:
        channel.close()
    if talk.alert is not None:  # in TLS 1.3 a client's certificate is judged after the handshake
        return seen("tls", "alert", talk.alert, address)
    if refused is not None:
        said = refused.error_text or refused.first_bytes
        return seen("resp", refused.error_code or refused.outcome, said, address)
    as_front = tls_options is not None and name != node.host
    return seen("done", "ok", f"checked as {name}" if as_front else "", address)


def _reach(
    addresses: Tuple[str, ...],
    port: int,
    dial: Callable[[str, int, float], Tuple[Any, TcpDial]],
    deadline: Deadline,
) -> Tuple[Any, TcpDial]:
    """Dial one address after the other, as clients do, until one accepts."""
    left = len(addresses)
    sock, dialled = dial(addresses[0], port, deadline.left() / left)
    for address in addresses[1:]:
        if sock is not None:
            break
        left -= 1
        sock, dialled = dial(address, port, deadline.left() / left)
    return sock, dialled


def _refusal(
    talk: Conversation, login: Callable[[Conversation], Tuple[RedisReply, ...]], deadline: Deadline
) -> RedisReply | None:
    """Log in and PING; return the reply that stops a client, if one does."""
    for said in login(talk):
        if said.outcome != "ok":
            return said
    _, pong = talk.ask("PING", wait_s=deadline.left())
    # A user that may not PING is let in all the same.
    return None if pong.outcome == "ok" or pong.error_code == "NOPERM" else pong
