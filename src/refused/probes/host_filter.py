"""Which of this host's own packet-filter rules a connection to the target meets.

The rules are walked as the kernel walks them for an outgoing packet, as far as they can be
understood: what a rule asks for that is not known here (a user, an interface, a rate) leaves open
whether it matches, and such a rule counts only where it names the target.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.observations import RedirectRules, Unseen
from refused.probes.stopwatch import Stopwatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple, Union

    # Yes, no, or not to be told from here.
    Maybe = Union[bool, None]
    # Rules by chain; and the chains at which an outgoing packet begins, each with its policy.
    Chains = Dict[str, List["Rule"]]
    Starts = List[Tuple[str, str]]

_TOOL_WAIT_S = 2.0
# Jumps may go round in circles only in a broken listing; the kernel refuses them.
_DEEPEST = 16
_MOST_RULES = 20_000
_MOST_SHOWN = 8
_LONGEST_SHOWN = 160

_BLOCKS = frozenset({"drop", "reject"})
_REDIRECTS = frozenset({"redirect", "dnat", "tproxy"})


class Packet:
    """The first packet of a connection to the target.

    Attributes:
        address: Its destination; ``""`` where that is not known.
    """

    __slots__ = ("address", "bits", "family", "port")

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.bits = _bits(address)
        self.family = "ip6" if ":" in address else "ip" if address else ""


class Rule:
    """One rule, held against a packet.

    Attributes:
        matches: Whether the packet meets its conditions.
        is_named: Whether it names the packet's port or address.
        verdict: ``drop``, ``accept``, ``jump`` …; ``""`` where it only counts or marks.
        target: The chain it jumps to.
    """

    __slots__ = ("is_named", "matches", "target", "text", "verdict")

    def __init__(
        self, matches: Maybe, *, is_named: bool, verdict: str, target: str, text: str
    ) -> None:
        self.matches = matches
        self.is_named = is_named
        self.verdict = verdict
        self.target = target
        self.text = text[:_LONGEST_SHOWN]


class Met:
    """The rules that a packet meets."""

    __slots__ = ("blocks", "redirects")

    def __init__(self) -> None:
        self.redirects: Dict[str, None] = {}
        self.blocks: Dict[str, None] = {}


def rules(addresses: Sequence[str], port: int, *, vantage: str) -> Union[RedirectRules, Unseen]:
    """Ask the packet filter, which only root may, and pick what bears on the target."""
    watch = Stopwatch(vantage)
    met, asked = Met(), []
    packets = [Packet(address, port) for address in addresses or [""]]
    listing = _run("nft", "-j", "list", "ruleset")
    if listing is not None:
        asked.append("nft list ruleset")
        read_nft(listing, packets, met)
    for tool in ("iptables-save", "ip6tables-save") if _needs_iptables(listing) else ():
        listing = _run(tool)
        if listing is not None:
            asked.append(tool)
            family = "ip6" if tool.startswith("ip6") else "ip"
            read_iptables(listing, [p for p in packets if p.family in ("", family)], met)
    if not asked:
        return Unseen(
            vantage=vantage,
            what="RedirectRules",
            why="this user may not read the packet filter's rules, or there is no program to do it",
            how_to_see="run refused as root, or look at: sudo nft list ruleset",
        )
    return RedirectRules(
        redirects=tuple(met.redirects)[:_MOST_SHOWN],
        blocks=tuple(met.blocks)[:_MOST_SHOWN],
        **watch.stamp(", ".join(asked)),
    )


def _needs_iptables(listing: str | None) -> bool:
    """Whether there are rules that nft does not show, or not in full: iptables' own extensions."""
    if listing is None or '"xt"' in listing:
        return True
    try:
        with open("/proc/net/ip_tables_names", encoding="ascii") as names:
            return bool(names.read())
    except (OSError, ValueError):
        return False


def _run(*words: str) -> str | None:
    """Return what a program prints; ``None`` where it cannot be run, or is not allowed to."""
    import os
    import subprocess

    # shutil would find it, too, and loads three kinds of archive for it.
    folders = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin".split(":")
    places = (os.path.join(folder, words[0]) for folder in folders if folder)
    tool = next((p for p in places if os.path.isfile(p) and os.access(p, os.X_OK)), None)
    if tool is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [tool, *words[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TOOL_WAIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


# --- the walk ----------------------------------------------------------------------------------


def _walk_all(chains: Chains, starts: Starts, met: Met) -> None:
    for name, policy in starts:
        passed = _walk(chains, name, met, depth=0, is_certain=True)
        # A policy is all that is left to say where nothing has let the packet through.
        if passed is None and policy == "drop":
            met.blocks.setdefault(f"chain {name}: policy drop")


def _walk(chains: Chains, name: str, met: Met, *, depth: int, is_certain: bool) -> str | None:
    """Send the packet through a chain; return what ended its way, ``maybe`` where that is open."""
    may_pass = False
    for rule in chains.get(name, ()) if depth < _DEEPEST else ():
        if rule.matches is False:
            continue
        is_sure = is_certain and bool(rule.matches)
        if rule.verdict in ("jump", "goto"):
            ended = _walk(chains, rule.target, met, depth=depth + 1, is_certain=is_sure)
            if is_sure and ended in ("accept", "drop"):
                return ended
            may_pass = may_pass or ended in ("accept", "maybe")
            if is_sure and rule.verdict == "goto":
                break
            continue
        if rule.verdict in _BLOCKS | _REDIRECTS and (is_sure or rule.is_named):
            noted = met.blocks if rule.verdict in _BLOCKS else met.redirects
            noted.setdefault(rule.text)
        if rule.verdict in ("accept", "return") and not is_sure:
            may_pass = True
        elif is_sure and rule.verdict:
            return {"return": None, "reject": "drop", "drop": "drop"}.get(rule.verdict, "accept")
    return "maybe" if may_pass else None


def _all(answers: Sequence[Maybe]) -> Maybe:
    """Whether all are so: one that is not decides, one that is open leaves it open."""
    if any(answer is False for answer in answers):
        return False
    return None if any(answer is None for answer in answers) else True


def _any(answers: Sequence[Maybe]) -> Maybe:
    if any(answers):
        return True
    return None if any(answer is None for answer in answers) else False


def _not(answer: Maybe) -> Maybe:
    return None if answer is None else not answer


# --- nftables ----------------------------------------------------------------------------------


def read_nft(listing: str, packets: Sequence[Packet], met: Met) -> None:
    """Walk the rules of ``nft -j list ruleset``; a listing that is none has none.

    Source: libnftables-json(5).
    """
    from json import loads

    try:
        everything = loads(listing)
    except (ValueError, RecursionError):
        return
    entries = everything.get("nftables") if isinstance(everything, dict) else None
    found = (
        [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )
    tables: Dict[Tuple[str, str], Dict[str, List[Dict[str, Any]]]] = {}
    for entry in found[:_MOST_RULES]:
        for kind, body in entry.items():
            if kind in ("chain", "rule", "set", "map") and isinstance(body, dict):
                key = (str(body.get("family")), str(body.get("table")))
                tables.setdefault(key, {}).setdefault(kind, []).append(body)
    for packet in packets:
        for (family, _), table in tables.items():
            if family in ("inet", packet.family) or (family in ("ip", "ip6") and not packet.family):
                _walk_table(table, packet, met)


def _walk_table(table: Dict[str, List[Dict[str, Any]]], packet: Packet, met: Met) -> None:
    sets = {f"@{each.get('name')}": each.get("elem", []) for each in table.get("set", ())}
    chains: Chains = {}
    for body in table.get("rule", ()):
        expressions = body.get("expr")
        if isinstance(expressions, list):
            known = [each for each in expressions if isinstance(each, dict)]
            chains.setdefault(str(body.get("chain")), []).extend(_nft_rules(known, packet, sets))
    starts = [
        (str(body.get("name")), str(body.get("policy")))
        for body in table.get("chain", ())
        if body.get("hook") == "output" and body.get("type") in ("filter", "nat", "route")
    ]
    _walk_all(chains, starts, met)


def _nft_rules(
    expressions: List[Dict[str, Any]], packet: Packet, sets: Dict[str, Any]
) -> Iterator[Rule]:
    """Give the rule, or each row of the verdict map that it ends in."""
    answers: List[Maybe] = []
    texts: List[str] = []
    is_named = False
    for each in expressions:
        for kind, body in each.items():
            if kind == "match" and isinstance(body, dict):
                subject = _subject(body.get("left"))
                answer = _holds(subject, body.get("right"), packet, sets)
                negated = body.get("op") == "!="
                answers.append(_not(answer) if negated else answer)
                if body.get("op") not in ("==", "in", "!="):
                    answers[-1] = None
                is_named = is_named or (answer is True and not negated and _names(subject))
                shown = _shown(body.get("right"))
                texts.append(f"{subject} {'!= ' if negated else ''}{shown}")
            elif kind == "vmap" and isinstance(body, dict):
                yield from _nft_map(body, packet, answers, texts, sets)
            elif kind in _NFT_VERDICTS:
                verdict, target = _NFT_VERDICTS[kind](body)
                texts.append(" ".join(word for word in (kind, target) if word))
                yield Rule(
                    _all(answers),
                    is_named=is_named,
                    verdict=verdict,
                    target=target,
                    text=" ".join(texts),
                )
            elif kind not in _NFT_ASIDES:
                answers.append(None)  # a rate, a socket's owner, an extension of iptables


def _nft_map(
    body: Dict[str, Any],
    packet: Packet,
    answers: List[Maybe],
    texts: List[str],
    sets: Dict[str, Any],
) -> Iterator[Rule]:
    subject, rows = _subject(body.get("key")), body.get("data")
    rows = rows.get("set") if isinstance(rows, dict) else None
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, list) or len(row) != 2 or not isinstance(row[1], dict):
            continue
        for kind, verdict_of in row[1].items():
            if kind in _NFT_VERDICTS:
                verdict, target = _NFT_VERDICTS[kind](verdict_of)
                answer = _holds(subject, row[0], packet, sets)
                shown = [*texts, subject, _shown(row[0]), kind, target]
                yield Rule(
                    _all([*answers, answer]),
                    is_named=answer is True and _names(subject),
                    verdict=verdict,
                    target=target,
                    text=" ".join(word for word in shown if word),
                )


def _chain_of(verdict: str) -> Callable[[object], Tuple[str, str]]:
    def read(body: object) -> Tuple[str, str]:
        return verdict, str(body.get("target", "")) if isinstance(body, dict) else ""

    return read


def _place_of(verdict: str) -> Callable[[object], Tuple[str, str]]:
    def read(body: object) -> Tuple[str, str]:
        if not isinstance(body, dict):
            return verdict, ""
        address, port = body.get("addr"), body.get("port")
        place = (_shown(address) if address else "") + (f":{_shown(port)}" if port else "")
        return verdict, f"to {place}" if place else ""

    return read


def _plain(verdict: str) -> Callable[[object], Tuple[str, str]]:
    return lambda _: (verdict, "")


_NFT_VERDICTS: Dict[str, Callable[[object], Tuple[str, str]]] = {
    **{word: _plain(word) for word in ("accept", "drop", "reject", "return")},
    **{word: _chain_of(word) for word in ("jump", "goto")},
    **{word: _place_of(word) for word in ("redirect", "dnat", "tproxy")},
}
# What stands in a rule without asking anything of the packet.
_NFT_ASIDES = frozenset({"counter", "log", "mangle", "notrack", "ct helper", "ct timeout"})


def _subject(left: object) -> str:
    """Write what a condition is about, as ``tcp dport`` or ``ct state``."""
    if not isinstance(left, dict):
        return "?"
    for kind, body in left.items():
        if isinstance(body, dict):
            if kind == "payload":
                return f"{body.get('protocol')} {body.get('field')}"
            if kind in ("meta", "ct"):
                return f"{kind} {body.get('key')}"
        return str(kind)
    return "?"


def _names(subject: str) -> bool:
    return subject in ("tcp dport", "th dport", "ip daddr", "ip6 daddr")


def _holds(subject: str, right: object, packet: Packet, sets: Dict[str, Any]) -> Maybe:
    """Whether the packet's *subject* is *right*, or is among them."""
    if isinstance(right, str) and right.startswith("@"):
        right = sets.get(right)
        if right is None:
            return None
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    if isinstance(right, dict) and isinstance(right.get("elem"), dict):
        right = right["elem"].get("val")  # an element with a counter or a time-out of its own
    if isinstance(right, list):
        return _any([_holds(subject, each, packet, sets) for each in right])
    protocol, _, field = subject.partition(" ")
    if field == "dport":
        return _is_port(right, packet.port) if protocol in ("tcp", "th") else False
    if field == "daddr":
        foreign = packet.family not in ("", protocol)
        return False if foreign else _is_within(right, packet)
    if subject in ("meta l4proto", "ip protocol", "ip6 nexthdr"):
        return right in ("tcp", 6)
    if subject == "ct state":
        return right == "new"
    if subject == "meta nfproto" and packet.family:
        return right == {"ip": "ipv4", "ip6": "ipv6"}[packet.family]
    return False if protocol in _OTHER_PROTOCOLS else None


_OTHER_PROTOCOLS = frozenset({"udp", "udplite", "sctp", "dccp", "icmp", "icmpv6", "esp", "ah"})


def _is_port(right: object, port: int) -> Maybe:
    if isinstance(right, dict) and isinstance(right.get("range"), list):
        ends = right["range"]
        if len(ends) == 2 and all(isinstance(end, int) for end in ends):
            return bool(ends[0] <= port <= ends[1])
        return None
    return right == port if isinstance(right, int) else None


def _is_within(right: object, packet: Packet) -> Maybe:
    if packet.bits is None:
        return None
    if isinstance(right, dict) and isinstance(right.get("prefix"), dict):
        prefix = right["prefix"]
        return _is_in_prefix(str(prefix.get("addr")), prefix.get("len"), packet)
    if isinstance(right, dict) and isinstance(right.get("range"), list):
        ends = [_bits(str(end)) for end in right["range"]]
        if len(ends) != 2 or ends[0] is None or ends[1] is None:
            return None
        return ends[0] <= packet.bits <= ends[1]
    return _is_in_prefix(right, None, packet) if isinstance(right, str) else None


def _is_in_prefix(address: str, length: object, packet: Packet) -> Maybe:
    bits, width = _bits(address), 128 if ":" in address else 32
    if bits is None or packet.bits is None:
        return None
    if (":" in address) != (packet.family == "ip6"):
        return False
    kept = length if isinstance(length, int) and 0 <= length <= width else width
    return bits >> (width - kept) == packet.bits >> (width - kept)


def _bits(address: str) -> int | None:
    """Return an address as a number; ``None`` where it is none."""
    from socket import AF_INET, AF_INET6, inet_pton

    try:
        packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address.partition("%")[0])
    except (OSError, ValueError):
        return None
    return int.from_bytes(packed, "big")


def _shown(right: object) -> str:
    """Write a value as nft does."""
    if isinstance(right, dict):
        for kind, body in right.items():
            if kind == "prefix" and isinstance(body, dict):
                return f"{body.get('addr')}/{body.get('len')}"
            if kind == "range" and isinstance(body, list):
                return "-".join(map(str, body))
            if kind == "set":
                return _shown(body)
            return str(kind)
    if isinstance(right, list):
        return "{ " + ", ".join(_shown(each) for each in right[:8]) + " }"
    return str(right)


# --- iptables ----------------------------------------------------------------------------------


def read_iptables(listing: str, packets: Sequence[Packet], met: Met) -> None:
    """Walk the rules of ``iptables-save``.

    Source: iptables(8), iptables-extensions(8).
    """
    tables: List[Tuple[Starts, List[List[str]]]] = []
    for line in listing.splitlines()[:_MOST_RULES]:
        if line.startswith("*"):
            tables.append(([], []))
        elif line.startswith(":OUTPUT ") and tables:
            tables[-1][0].append(("OUTPUT", line.split()[1].lower()))
        elif line.startswith("-A ") and tables:
            tables[-1][1].append(_words(line))
    for packet in packets:
        for starts, lines in tables:
            chains: Chains = {}
            for words in lines:
                if len(words) > 2:
                    chains.setdefault(words[1], []).append(_iptables_rule(words[2:], packet))
            _walk_all(chains, starts, met)


def _words(line: str) -> List[str]:
    from shlex import split

    try:
        return split(line)
    except ValueError:  # a quote that does not end
        return line.split()


def _iptables_rule(words: List[str], packet: Packet) -> Rule:
    answers: List[Maybe] = []
    verdict, target, is_named = "", "", False
    at = 0
    while at < len(words):
        negated = words[at] == "!"
        at += negated
        option = words[at] if at < len(words) else ""
        value = words[at + 1] if at + 1 < len(words) else ""
        at += 2 if value and not (value.startswith("-") or value == "!") else 1
        if option in ("-m", "--match", "--comment"):
            continue
        if option in ("-j", "-g", "--jump", "--goto"):
            word = value.lower()
            is_own = word not in _IPTABLES_VERDICTS and word not in _IPTABLES_ASIDES
            verdict = "goto" if option in ("-g", "--goto") else "jump" if is_own else word
            target = value if is_own else ""
            break  # what follows are the target's own options
        answer = _iptables_holds(option, value, packet)
        is_named = is_named or (answer is True and not negated and option in _IPTABLES_NAMES)
        answers.append(_not(answer) if negated else answer)
    if verdict in _IPTABLES_ASIDES:
        verdict = ""
    text = " ".join(words)
    return Rule(_all(answers), is_named=is_named, verdict=verdict, target=target, text=text)


_IPTABLES_VERDICTS = frozenset({"accept", "drop", "reject", "return", "redirect", "dnat", "tproxy"})
# Targets after which the packet goes on to the next rule.
_IPTABLES_ASIDES = frozenset(
    {"log", "nflog", "mark", "connmark", "ct", "tcpmss", "dscp", "classify", "notrack", "trace"}
)
_IPTABLES_NAMES = frozenset(
    {"-d", "--destination", "--dport", "--destination-port", "--dports", "--destination-ports"}
)


def _iptables_holds(option: str, value: str, packet: Packet) -> Maybe:
    if option in ("-p", "--protocol"):
        return value in ("tcp", "6", "all")
    if option in ("-d", "--destination"):
        address, _, mask = value.partition("/")
        length = int(mask) if mask.isdecimal() else None
        return None if mask and length is None else _is_in_prefix(address, length, packet)
    if option in _IPTABLES_NAMES:
        return _any([_is_port_text(each, packet.port) for each in value.split(",")])
    if option in ("--ctstate", "--state"):
        return "NEW" in value.split(",")
    return None


def _is_port_text(text: str, port: int) -> Maybe:
    first, colon, last = text.partition(":")
    if not first.isdecimal() or (colon and not last.isdecimal()):
        return None
    return int(first) <= port <= int(last or first)
