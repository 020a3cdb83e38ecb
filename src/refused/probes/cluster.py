"""See the cluster through the front door, then visit its nodes as a cluster client would.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.observations import ClusterTopology, NodeVisit
from refused.evidence.path import is_literal
from refused.probes.resp import Conversation
from refused.probes.stopwatch import Deadline, Stopwatch
from refused.probes.wire.resp import (
    parse_cluster_info,
    parse_cluster_nodes,
    parse_cluster_shards,
    parse_cluster_slots,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

    from refused.evidence.observations import ClusterNode, Observation, RedisReply
    from refused.evidence.target import Target

SLOTS = 16384


def look(talk: Conversation, target: Target, *, wait_s: float) -> Tuple[Observation, ...]:
    """Ask for state and nodes, by the first of three commands that the service allows."""
    watch = Stopwatch(talk.vantage)
    text, said = talk.ask("CLUSTER", "INFO", wait_s=wait_s, name="CLUSTER INFO")
    info = parse_cluster_info(text) if said.outcome == "ok" else {}
    if said.outcome == "error" and "disabled" in said.error_text:
        return (ClusterTopology(enabled=False, **watch.stamp("CLUSTER INFO")), said)
    nodes, asked = _nodes(talk, target, wait_s)
    if said.outcome != "ok" and not nodes:
        return (said, *asked)
    covered = sum(
        last - first + 1 for node in nodes if node.role == "primary" for first, last in node.slots
    )
    assigned = info.get("cluster_slots_assigned", "")
    failing = info.get("cluster_slots_fail", "")
    return (
        ClusterTopology(
            enabled=True,
            state=info.get("cluster_state"),
            slots_covered=min(covered, SLOTS)
            if nodes
            else int(assigned)
            if assigned.isdigit()
            else None,
            slots_failing=int(failing) if failing.isdigit() else None,
            nodes=nodes,
            **watch.stamp(asked[-1].command if asked else "CLUSTER INFO"),
        ),
        said,
        *asked,
    )


def _nodes(
    talk: Conversation, target: Target, wait_s: float
) -> Tuple[Tuple[ClusterNode, ...], List[RedisReply]]:
    asked: List[RedisReply] = []
    # CLUSTER SLOTS first: every version and every client knows it.
    for words, read in (
        (("CLUSTER", "SLOTS"), parse_cluster_slots),
        (("CLUSTER", "SHARDS"), lambda value: parse_cluster_shards(value, tls=target.tls)),
        (("CLUSTER", "NODES"), parse_cluster_nodes),
    ):
        value, said = talk.ask(*words, wait_s=wait_s, name=" ".join(words))
        asked.append(said)
        if said.outcome != "ok":
            if talk.is_over:
                break
            continue
        nodes = read(value)  # type: ignore[operator]
        if nodes:
            # An empty host means "the one that you are talking to".
            return tuple(
                node if node.host else node.replace(host=talk.address) for node in nodes
            ), asked
    return (), asked


def slot_of(key: str) -> int:
    """Return the slot of a key: CRC16 (XMODEM) of its hash tag, modulo 16384.

    Source: Redis cluster specification, "Key distribution model".
    """
    start = key.find("{")
    end = key.find("}", start + 1) if start >= 0 else -1
    tag = key[start + 1 : end] if end > start + 1 else key
    crc = 0
    for byte in tag.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc % SLOTS


def foreign_slot_key(topology: ClusterTopology, host: str, port: int) -> str | None:
    """Return a key that most likely lives on another node than the one behind the front door.

    Which node stands behind the front door is not told; a key of each primary but the first would
    do. With one primary there is none.
    """
    primaries = [node for node in topology.nodes if node.role == "primary" and node.slots]
    if len(primaries) < 2:
        return None
    foreign = [node for node in primaries if (node.host, node.port) != (host, port)]
    ranges = [span for node in (foreign or primaries)[-1:] for span in node.slots]
    for number in range(4000):
        key = f"refused:probe:{number}"
        if any(first <= slot_of(key) <= last for first, last in ranges):
            return key
    return None


def visit(
    node: ClusterNode,
    *,
    dial: Callable[[str, int, float], Tuple[Any, Any]],
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
    """
    watch, deadline = Stopwatch(vantage), Deadline(wait_s)
    fields: Dict[str, Any] = {
        "host": node.host,
        "port": node.port,
        "role": node.role,
        "address": "",
    }

    def seen(stage: str, outcome: str, detail: str = "") -> NodeVisit:
        return NodeVisit(
            stage=stage, outcome=outcome, detail=detail, **fields, **watch.stamp("a visit")
        )

    addresses = resolve(node.host)
    if not addresses:
        return seen("name", "not-found", f"{node.host} has no address here")
    fields["address"] = addresses[0]
    sock, dialled = dial(addresses[0], node.port, deadline.left())
    if sock is None:
        return seen("tcp", dialled.outcome, f"errno {dialled.errno}" if dialled.errno else "")
    channel: Any
    if tls_options is not None:
        from refused.probes import tls

        name = front_name if front_name and is_literal(node.host) else node.host
        channel, shake, _ = tls.handshake(
            sock, address=addresses[0], port=node.port, sni=name, wait_s=deadline.left(), vantage=vantage,
            purpose="node", **tls_options,
        )  # fmt: skip
        if channel is None:
            return seen(
                "tls", shake.outcome, shake.verify_text or shake.error_text or shake.alert or ""
            )
    else:
        from refused.probes.plain import PlainChannel

        channel = PlainChannel(sock)
    try:
        talk = Conversation(channel, address=addresses[0], port=node.port, vantage=vantage)
        for said in (
            *login(talk),
            *(() if talk.is_over else (talk.ask("PING", wait_s=deadline.left())[1],)),
        ):
            if said.outcome != "ok":
                return seen("resp", said.error_code or said.outcome, said.error_text)
    finally:
        channel.close()
    as_front = front_name and tls_options is not None and is_literal(node.host)
    return seen("done", "ok", f"checked as {front_name}" if as_front else "")
