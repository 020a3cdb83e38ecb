"""The path as it was walked: each hop with what was seen there.

    name → address → route → tcp → tls → resp → auth → topology → command

This is description, not judgement: a hop *failed* when an observation of it says so, is *unknown*
when it could not be looked at, and *skipped* when an earlier hop broke or the target does not
have it (no TLS, no cluster).

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.observations import (
    ClientSettings,
    ClusterTopology,
    DnsAnswer,
    IdleHold,
    NameLookup,
    NamesOverTime,
    NodeVisit,
    OverTime,
    RedisReply,
    RouteLookup,
    SocketsToTarget,
    TcpDial,
    TlsHandshake,
)
from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Literal, Tuple

    from refused.evidence.bundle import Evidence

    Status = Literal["ok", "failed", "skipped", "unknown"]

HOPS = ("name", "address", "route", "tcp", "tls", "resp", "auth", "topology", "command")


class HopSeen(Record):
    """One hop as it was found.

    Attributes:
        how: Where it failed, the outcome word of the observation that says so: ``silent``,
            ``refused``, ``WRONGPASS`` …; ``""`` elsewhere.
        said: One line for people.
        ms: How long the hop took; ``None`` where nothing was timed.
        at_times: Whether it failed at times, and worked at others.
    """

    hop: str
    status: Status
    said: str
    ms: float | None = None
    how: str = ""
    at_times: bool = False


class Broken(Record):
    """The first hop that failed, and how; *at_times* where it worked at others."""

    hop: str
    how: str
    at_times: bool = False


def first_broken(evidence: Evidence) -> Broken | None:
    """Return the first hop that was seen to fail; ``None`` where none was."""
    for seen in walk(evidence):
        if seen.status == "failed":
            return Broken(hop=seen.hop, how=seen.how, at_times=seen.at_times)
    return None


def walk(evidence: Evidence) -> Tuple[HopSeen, ...]:
    """Read the whole path out of the evidence of one vantage point."""
    seen: list[HopSeen] = []
    broken = False
    for hop in HOPS:
        found = _over_time(evidence, _READERS[hop](evidence))
        if broken and found.status in ("unknown", "skipped"):
            found = HopSeen(hop=hop, status="skipped", said="not reached")
        broken = broken or found.status == "failed"
        seen.append(found)
    return tuple(seen)


def _ok(hop: str, said: str, ms: float | None = None) -> HopSeen:
    return HopSeen(hop=hop, status="ok", said=said, ms=ms)


def _failed(hop: str, how: str, said: str, ms: float | None = None) -> HopSeen:
    return HopSeen(hop=hop, status="failed", said=said, ms=ms, how=how)


def _skipped(hop: str, said: str) -> HopSeen:
    return HopSeen(hop=hop, status="skipped", said=said)


def _unknown(hop: str, said: str) -> HopSeen:
    return HopSeen(hop=hop, status="unknown", said=said)


def _gap(evidence: Evidence, hop: str, *kinds: type) -> HopSeen:
    """Say why a hop was not looked at."""
    names = {kind.__name__ for kind in kinds}
    for unseen in evidence.unseen:
        if unseen.what in names:
            return _unknown(hop, unseen.why)
    return _unknown(hop, "not looked at")


# --- over time ---------------------------------------------------------------------------------


def _over_time(evidence: Evidence, first: HopSeen) -> HopSeen:
    """Hold the first look at a hop against what a watch saw of it, where there was one.

    One look that failed among others that did not, or the other way round, is a hop that fails at
    times. A watch tells nothing of a hop that the first walk passed over.
    """
    if first.status not in ("ok", "failed"):
        return first
    if first.hop == "name":
        return _name_over_time(evidence.look(NamesOverTime), first)
    watches = evidence.look(OverTime)
    if not watches:
        return first
    # Few runs watch; the others do not pay for it.
    from refused.evidence.over_time import OWN_SHORTAGES, outages, rate_said, tally

    seen = tally(watches, first.hop)
    if seen is None:
        return first
    fell = first.status == "failed"
    passed = seen.tried - seen.failed
    if fell and not _is_tried_again(first):
        return first
    if fell and not passed:
        said = f"{first.said}; {seen.failed} more attempts over {_span_s(watches):.0f} s failed as well"
        return first.replace(said=said) if seen.failed else first
    if not fell and not seen.failed:
        return first
    failed, tried = seen.failed + fell, seen.tried + 1
    words = dict(seen.outcomes)
    if fell:
        # The walk calls the hop flaky by its own repeats; what counts is how its dial ended.
        word = client_dials(evidence)[0].outcome if first.how == "flaky" else first.how
        words[word] = words.get(word, 0) + 1
    most = max(words, key=lambda word: (words[word], word))
    what = ", ".join(f"{count} {word}" for word, count in sorted(words.items()))
    said = f"at times: {rate_said(failed, tried)} over {_span_s(watches):.0f} s: {what}"
    stretches = outages(watches)
    if stretches:
        longest = max(stretches, key=lambda each: each.least_s)
        if longest.tries > 1:
            said += f"; the longest stretch took {longest.said}"
    # Judges of the dial know the word; of the hops behind, they know how it ended.
    how = "flaky" if first.hop == "tcp" and most not in OWN_SHORTAGES else most
    return HopSeen(hop=first.hop, status="failed", said=said, ms=first.ms, how=how, at_times=True)


def _is_tried_again(first: HopSeen) -> bool:
    """Whether the attempts of a watch try what failed at first.

    They end with a PING: that tells nothing of refused writes, of a database, of a quiet connection,
    or of what waits behind a login that was not asked for.
    """
    if first.hop == "command":
        return first.how in ("silent", "closed", "reset", "LOADING", "BUSY")
    return first.how not in ("NOAUTH", "NOPERM")


_NAMED = frozenset({"answered", "no-address"})


def _name_over_time(watches: Tuple[NamesOverTime, ...], first: HopSeen) -> HopSeen:
    """Hold the first lookup against those of a watch: a name that is known at times is a fault."""
    moments = [each for watch in watches for each in watch.moments]
    ill = [each for each in moments if each.outcome not in _NAMED]
    failed = sum(each.count for each in ill)
    # A watch keeps a bounded number of moments, so that they are counted, and not what was asked.
    tried = sum(each.count for each in moments)
    fell = first.status == "failed"
    if not (fell and failed < tried) and not (not fell and failed):
        return first
    from refused.evidence.over_time import rate_said

    how = first.how if fell else ill[0].outcome
    how = "not-found" if how == "nxdomain" else how
    said = f"at times: {rate_said(failed + fell, tried + 1)}: {how}"
    return HopSeen(hop="name", status="failed", said=said, ms=first.ms, how=how, at_times=True)


def _span_s(watches: Tuple[OverTime, ...]) -> float:
    return max(watch.took_ms for watch in watches) / 1000


# --- name and address --------------------------------------------------------------------------


def is_literal(host: str) -> bool:
    """Whether *host* is an address rather than a name; a pure test of its letters."""
    if ":" in host:
        return True
    parts = host.split(".")
    return len(parts) == 4 and all(
        part.isdigit() and len(part) < 4 and int(part) < 256 for part in parts
    )


# Ends of names that no public resolver knows.
INSIDE = frozenset(
    ["corp", "home", "internal", "intranet", "lan", "local", "localdomain", "private", "svc"]
)


def is_kept_inside(host: str) -> bool:
    """Whether *host* is an address, or a name that no public resolver knows."""
    name = host.rstrip(".").lower()
    return is_literal(name) or "." not in name or name.rpartition(".")[2] in INSIDE


def resolved(evidence: Evidence) -> tuple[str, ...]:
    """Return the addresses that the client is given, in its order."""
    target = evidence.target
    if target is not None and is_literal(target.host):
        return (target.host,)
    for lookup in evidence.look(NameLookup):
        return lookup.addresses
    given: dict[str, None] = {}
    for answer in evidence.look(DnsAnswer):
        if target is None or answer.host == target.host:
            given.update(dict.fromkeys(answer.addresses))
    return tuple(given)


def lookup_outcome(evidence: Evidence) -> tuple[str, str, float | None]:
    """Return outcome word, sentence and milliseconds of the name lookup; ``""`` if nobody looked."""
    for lookup in evidence.look(NameLookup):
        said = lookup.error_text or lookup.outcome
        return lookup.outcome, f"the system's lookup: {said}", lookup.took_ms
    answers = evidence.look(DnsAnswer)
    if not answers:
        return "", "", None
    # A stub resolver takes the first definite answer; silence moves it on to the next server.
    for wanted in (
        "answered",
        "nxdomain",
        "no-address",
        "servfail",
        "refused",
        "garbled",
        "unreachable",
        "silent",
    ):
        for answer in answers:
            if answer.outcome == wanted:
                word = "not-found" if wanted == "nxdomain" else wanted
                return word, f"{answer.resolver} says {_DNS_WORDS[wanted]}", answer.took_ms
    return answers[0].outcome, f"{answers[0].resolver}: {answers[0].outcome}", answers[0].took_ms


_DNS_WORDS = {
    "answered": "where it is",
    "nxdomain": "that the name does not exist (NXDOMAIN)",
    "no-address": "that the name exists but has no address",
    "servfail": "that it cannot tell (SERVFAIL)",
    "refused": "that it will not tell (REFUSED)",
    "garbled": "something that is not a DNS answer",
    "unreachable": "nothing: it cannot be reached",
    "silent": "nothing",
}


def _name(evidence: Evidence) -> HopSeen:
    target = evidence.target
    if target is not None and is_literal(target.host):
        return _skipped("name", "an address was given, no name to look up")
    outcome, said, ms = lookup_outcome(evidence)
    if not outcome:
        return _gap(evidence, "name", NameLookup, DnsAnswer)
    if outcome in ("answered", "no-address"):
        return _ok("name", "the name is known", ms)
    return _failed("name", outcome, said, ms)


def _address(evidence: Evidence) -> HopSeen:
    outcome, said, _ = lookup_outcome(evidence)
    addresses = resolved(evidence)
    if outcome == "no-address":
        return _failed("address", "no-address", said)
    if not addresses:
        return _gap(evidence, "address", NameLookup, DnsAnswer)
    if all(address in ("0.0.0.0", "::", "255.255.255.255") for address in addresses):
        return _failed("address", "unusable", f"{addresses[0]} is nobody's address")
    aliases = [alias for answer in evidence.look(DnsAnswer) for alias in answer.aliases]
    by = f" by way of {aliases[-1]}" if aliases else ""
    return _ok("address", ", ".join(addresses[:4]) + by)


# --- route and tcp -----------------------------------------------------------------------------


def _route(evidence: Evidence) -> HopSeen:
    routes = evidence.look(RouteLookup)
    if not routes:
        return _gap(evidence, "route", RouteLookup)
    for route in routes:
        if route.local_address is not None:
            way = f" by {route.gateway}" if route.gateway else ""
            device = f" on {route.device}" if route.device else ""
            return _ok("route", f"from {route.local_address}{device}{way}", route.took_ms)
    return _failed(
        "route", "no-route", f"this host has no route to {routes[0].address}", routes[0].took_ms
    )


def client_dials(evidence: Evidence) -> tuple[TcpDial, ...]:
    """Return the dials of the hop itself, one per address."""
    return tuple(dial for dial in evidence.look(TcpDial) if dial.purpose == "client")


def _tcp(evidence: Evidence) -> HopSeen:
    dials = client_dials(evidence)
    if not dials:
        return _gap(evidence, "tcp", TcpDial)
    repeats = [dial for dial in evidence.look(TcpDial) if dial.purpose == "repeat"]
    best = next((dial for dial in dials if not dial.failed), None)
    worst = next((dial for dial in dials if dial.failed), None)
    if best is None:
        first = dials[0]
        where = f"{first.address} port {first.port}"
        accepted = sum(not dial.failed for dial in repeats)
        if accepted:
            of = len(repeats) + len(dials)
            return _failed(
                "tcp", "flaky", f"{where}: {accepted} of {of} attempts accepted, the rest not"
            )
        return _failed("tcp", first.outcome, f"{where}: {dial_said(first)}", first.took_ms)
    for sockets in evidence.look(SocketsToTarget):
        stalled = [
            each
            for each in sockets.stuck
            if each.state == "ESTABLISHED" and each.retransmits >= STALLED_RETRANSMITS
        ]
        if stalled:
            said = f"a new connection is accepted, but {len(stalled)} open one(s) are sent again and again unanswered"
            return _failed("tcp", "stalled", said)
    said = f"{best.address} port {best.port} accepts"
    if worst is not None:
        said += f"; {worst.address} does not ({dial_said(worst)})"
    return _ok("tcp", said, best.took_ms)


# The fifth retransmission comes about 6 s after the first sending (RTO 0.2 s, doubling); a healthy
# path on which a segment is lost recovers within the first two.
STALLED_RETRANSMITS = 5


def dial_said(dial: TcpDial) -> str:
    """Say how a dial ended."""
    words = {
        "refused": "refused" if dial.icmp else "refused (a RST came back)",
        "silent": f"no answer within {dial.took_ms / 1000:.1f} s",
        "unreachable": "unreachable",
        "reset": "reset",
        "denied": "denied by this host",
        "no-local-port": "no local port is left to dial from",
        "no-descriptor": "no file descriptor is left to dial with",
        "proxy-failed": f"the proxy {dial.via} failed: {dial.source}",
    }
    said = words.get(dial.outcome, f"error {dial.errno}")
    return said + (f", says {dial.icmp_from} by ICMP {dial.icmp}" if dial.icmp_from else "")


# --- tls ---------------------------------------------------------------------------------------


def client_handshake(evidence: Evidence) -> TlsHandshake | None:
    """Return the client's own handshake, the last one where there were several."""
    found = [each for each in evidence.look(TlsHandshake) if each.purpose == "client"]
    return found[-1] if found else None


def _tls(evidence: Evidence) -> HopSeen:
    if evidence.target is not None and not evidence.target.tls:
        return _skipped("tls", "the client speaks plain text")
    shake = client_handshake(evidence)
    if shake is None:
        return _gap(evidence, "tls", TlsHandshake)
    if not shake.failed:
        said = f"TLS {shake.version}" + (
            "" if shake.verified else ", certificate not checked, as the client is set"
        )
        return _ok("tls", said, shake.took_ms)
    return _failed("tls", shake.outcome, handshake_said(shake), shake.took_ms)


def handshake_said(shake: TlsHandshake) -> str:
    """Say how a handshake ended."""
    spoke = (
        "after the server had begun to answer"
        if shake.server_spoke
        else "before the server said a word"
    )
    words = {
        "untrusted": f"the certificate is not trusted: {shake.verify_text}",
        "name-mismatch": f"the certificate is not for {shake.sni or shake.address}: {shake.verify_text}",
        "expired": "the certificate has expired",
        "not-yet-valid": "the certificate is not valid yet",
        "alert": f"the server ended it with alert {shake.alert}",
        "closed": f"the connection was closed {spoke}",
        "reset": f"the connection was reset {spoke}",
        "silent": f"nothing more came for {shake.took_ms / 1000:.1f} s, {spoke}",
        "not-tls": f"what came back is not TLS: {shake.first_bytes}",
    }
    return words.get(shake.outcome, shake.error_text or shake.outcome)


# --- resp, auth, topology, command -------------------------------------------------------------

_LOGIN = ("AUTH", "HELLO")


def is_old(reply: RedisReply) -> bool:
    """Whether a server that does not speak RESP3 said so to a HELLO, after which AUTH is sent."""
    old = ("unknown command", "wrong number of arguments")
    return reply.command == "HELLO" and (
        reply.error_code == "NOPROTO" or any(words in reply.error_text for words in old)
    )


def replies(evidence: Evidence) -> tuple[RedisReply, ...]:
    """Return the replies on the client's own connection, in order."""
    return evidence.look(RedisReply)


def _resp(evidence: Evidence) -> HopSeen:
    first = next(iter(replies(evidence)), None)
    if first is None:
        return _gap(evidence, "resp", RedisReply)
    if first.outcome in ("ok", "error"):
        if "max number of clients" in first.error_text:
            return _failed("resp", "max-clients", first.error_text, first.took_ms)
        if first.error_code == "DENIED":
            return _failed("resp", "denied", first.error_text, first.took_ms)
        return _ok("resp", "a Redis server answers", first.took_ms)
    return _failed("resp", first.outcome, _talk_said(first), first.took_ms)


def _talk_said(reply: RedisReply) -> str:
    words = {
        "closed": f"the connection was closed at {reply.command}",
        "reset": f"the connection was reset at {reply.command}",
        "silent": f"{reply.command} was not answered within {reply.took_ms / 1000:.1f} s",
        "not-resp": f"what answers is not Redis ({reply.protocol}): {reply.first_bytes}",
    }
    return words.get(reply.outcome, reply.error_text)


def wants_password(evidence: Evidence) -> RedisReply | None:
    """Return the reply in which the server asked for credentials, if it did."""
    return next((each for each in replies(evidence) if each.error_code == "NOAUTH"), None)


def is_bare(evidence: Evidence) -> bool:
    """Whether the target is only an address: no credentials and no client's configuration."""
    target = evidence.target
    return target is not None and target.auth == "none" and target.form in ("host", "url", "name")


def _auth(evidence: Evidence) -> HopSeen:
    if not replies(evidence):
        return _gap(evidence, "auth", RedisReply)
    for each in replies(evidence):
        if each.command not in _LOGIN:
            continue
        if each.outcome == "ok":
            return _ok("auth", "logged in", each.took_ms)
        if each.outcome == "error" and each.error_code != "LOADING" and not is_old(each):
            return _failed("auth", each.error_code, each.error_text, each.took_ms)
    refusal = wants_password(evidence)
    if refusal is not None:
        if is_bare(evidence):
            return _skipped("auth", "the server asks for credentials, and none were given")
        return _failed("auth", "NOAUTH", refusal.error_text, refusal.took_ms)
    for each in replies(evidence):
        if each.command in _LOGIN and each.outcome != "error" and each is not replies(evidence)[0]:
            return _failed("auth", each.outcome, _talk_said(each), each.took_ms)
    return _skipped("auth", "the server asks for no credentials")


def _topology(evidence: Evidence) -> HopSeen:
    moved = next(
        (each for each in replies(evidence) if each.error_code in ("MOVED", "CLUSTERDOWN")), None
    )
    cluster = next(iter(evidence.look(ClusterTopology)), None)
    if cluster is None or cluster.enabled is None:
        if moved is not None:
            return _failed("topology", moved.error_code, moved.error_text)
        if cluster is None:
            return _gap(evidence, "topology", ClusterTopology)
        return _unknown("topology", "the server does not say whether it is a cluster")
    wants_cluster = evidence.target is not None and evidence.target.cluster_aware is True
    if not cluster.enabled:
        if wants_cluster:
            return _failed(
                "topology",
                "cluster-disabled",
                "the client is cluster-aware, the server is no cluster",
            )
        return _skipped("topology", "the server is no cluster")
    covered = cluster.slots_covered
    if cluster.state == "fail" or (covered is not None and covered < 16384):
        return _failed("topology", "slots-uncovered", f"{covered} of 16384 slots have a node")
    if moved is not None:
        return _failed(
            "topology", moved.error_code, f"a plain client is sent away: {moved.error_text}"
        )
    visits = evidence.look(NodeVisit)
    lost = [visit for visit in visits if visit.failed]
    if lost:
        first = lost[0]
        where = f"{first.host or first.address}:{first.port} ({first.stage}: {first.outcome})"
        return _failed(
            "topology",
            "nodes-unreachable",
            f"{len(lost)} of {len(visits)} nodes cannot be used: {where}",
        )
    if not visits:
        return _ok("topology", f"a cluster of {len(cluster.nodes)} nodes, all slots covered")
    return _ok(
        "topology", f"all {len(visits)} nodes answer", max(visit.took_ms for visit in visits)
    )


# Commands that are asked for their information alone: a refusal of these hides something from us,
# and breaks nothing for the client.
_CURIOSITY = ("INFO", "ROLE", "TIME", "CONFIG GET", "CLIENT LIST", "CLUSTER", "HELLO", "AUTH")


def _command(evidence: Evidence) -> HopSeen:
    pong: RedisReply | None = None
    if wants_password(evidence) is not None:
        return _skipped("command", "needs credentials")
    for each in replies(evidence):
        if each.command.startswith(_CURIOSITY) or each.error_code in ("MOVED", "CLUSTERDOWN"):
            continue
        if each.outcome == "error" and each.command == "SELECT":
            return _failed("command", "db-refused", each.error_text, each.took_ms)
        if each.outcome == "error":
            return _failed("command", each.error_code, each.error_text, each.took_ms)
        if each.outcome != "ok" and each is not replies(evidence)[0]:
            return _failed("command", each.outcome, _talk_said(each), each.took_ms)
        if each.outcome == "ok":
            pong = pong or each
    if pong is None:
        return _gap(evidence, "command", RedisReply)
    return _answered(pong, evidence)


def _answered(pong: RedisReply, evidence: Evidence) -> HopSeen:
    """Judge a command that was answered: in time, and by a connection that lives on?"""
    cut = _cut_after(pong, evidence)
    if cut is not None:
        return cut
    limit = command_timeout_ms(evidence)
    if limit is not None and pong.took_ms > limit:
        said = (
            f"{pong.command} took {pong.took_ms:.0f} ms; the client gives up after {limit:.0f} ms"
        )
        return _failed("command", "slow", said, pong.took_ms)
    for hold in evidence.look(IdleHold):
        if hold.outcome != "ok" and not _is_cut_together(evidence, hold):
            said = f"the connection did not outlive {hold.idle_s:.0f} s of quiet ({hold.outcome})"
            return _failed("command", f"idle-{hold.outcome}", said)
    return _ok("command", f"{pong.command} is answered", pong.took_ms)


def _is_cut_together(evidence: Evidence, hold: IdleHold) -> bool:
    from refused.evidence.over_time import cut_together

    return cut_together(evidence.look(OverTime), hold)


# With less time than this an answer may just not have come by the end of ours.
_PATIENCE_MS = 300.0


def _cut_after(pong: RedisReply, evidence: Evidence) -> HopSeen | None:
    """Judge a connection that ended at a command of ours, after the client's own was answered."""
    cut = next(
        (
            each
            for each in replies(evidence)
            if each.command not in _LOGIN
            and each.command.startswith(_CURIOSITY)
            and each.outcome not in ("ok", "error")
        ),
        None,
    )
    if cut is None:
        return None
    said = f"{pong.command} is answered, and then {_talk_said(cut)}"
    if cut.outcome == "silent" and cut.took_ms >= _PATIENCE_MS:
        return _failed("command", "silent", said, cut.took_ms)
    # Proxies hang up at a command that they do not carry, and no client of theirs sends it.
    return _unknown("command", said)


def command_timeout_ms(evidence: Evidence) -> float | None:
    """Return the client's own command time-out, where its configuration names one."""
    for settings in evidence.look(ClientSettings):
        return settings.command_timeout_ms
    return None


_READERS: dict[str, Callable[[Evidence], HopSeen]] = {
    "name": _name,
    "address": _address,
    "route": _route,
    "tcp": _tcp,
    "tls": _tls,
    "resp": _resp,
    "auth": _auth,
    "topology": _topology,
    "command": _command,
}
