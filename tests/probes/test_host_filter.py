"""Rules of this host's packet filter, as nft and iptables list them, held against a connection."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.probes.host_filter import Met, Packet, read_iptables, read_nft
from tests.probes.wire.garbage import mutated

if TYPE_CHECKING:
    from collections.abc import Sequence

CACHE, PORT = "20.42.65.90", 6380

# nftables 1.0.6, `nft -j list ruleset`: what the rules say stands beside each.
DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
DADDR = {"payload": {"protocol": "ip", "field": "daddr"}}
DADDR6 = {"payload": {"protocol": "ip6", "field": "daddr"}}


def match(left: dict[str, Any], right: object, op: str = "==") -> dict[str, Any]:
    """Write one condition."""
    return {"match": {"op": op, "left": left, "right": right}}


def meta(key: str) -> dict[str, Any]:
    """Write what a condition is about: something beside the packet."""
    return {"meta": {"key": key}}


def verdict(word: str, **more: object) -> dict[str, Any]:
    """Write how a rule ends."""
    return {word: more or None}


STATE_NEW = match({"ct": {"key": "state"}}, "new", "in")
TO_PORT = match(DPORT, PORT)
DROP, ACCEPT, REJECT = verdict("drop"), verdict("accept"), verdict("reject")


def chain(
    name: str = "out", *, hook: str | None = "output", kind: str = "filter", **more: object
) -> dict[str, Any]:
    """Write a chain; without a hook, one that is jumped to."""
    base = {"type": kind, "hook": hook, "prio": 0, "policy": "accept"} if hook else {}
    return {"chain": {"family": "inet", "table": "f", "name": name, "handle": 1, **base, **more}}


def rule(*expressions: dict[str, Any], name: str = "out", family: str = "inet") -> dict[str, Any]:
    """Write a rule of a chain."""
    return {"rule": {"family": family, "table": "f", "chain": name, "expr": list(expressions)}}


def met(
    *entries: dict[str, Any], address: str = CACHE, port: int = PORT
) -> tuple[list[str], list[str]]:
    """Return what a connection meets in this listing: redirections, blocks."""
    found = Met()
    read_nft(json.dumps({"nftables": [chain(), *entries]}), [Packet(address, port)], found)
    return list(found.redirects), list(found.blocks)


def blocks(*expressions: dict[str, Any], address: str = CACHE, port: int = PORT) -> list[str]:
    """Return the blocks of a single rule."""
    return met(rule(*expressions), address=address, port=port)[1]


# --- nftables: conditions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ([TO_PORT], "tcp dport 6380 drop"),
        ([match(DADDR, CACHE), TO_PORT], "ip daddr 20.42.65.90 tcp dport 6380 drop"),
        (
            [match(DADDR, {"prefix": {"addr": "20.0.0.0", "len": 8}})],
            "ip daddr 20.0.0.0/8 drop",
        ),
        ([match(DPORT, {"range": [6000, 7000]})], "tcp dport 6000-7000 drop"),
        (
            [match(DPORT, {"set": [22, {"range": [6379, 6380]}]})],
            "tcp dport { 22, 6379-6380 } drop",
        ),
        (
            [match(DADDR, {"range": ["20.0.0.0", "20.255.0.0"]})],
            "ip daddr 20.0.0.0-20.255.0.0 drop",
        ),
        ([match(DPORT, 443, "!=")], "tcp dport != 443 drop"),
        ([STATE_NEW, TO_PORT], "ct state new tcp dport 6380 drop"),
        ([match(meta("l4proto"), "tcp"), TO_PORT], "meta l4proto tcp tcp dport 6380 drop"),
        ([match(meta("nfproto"), "ipv4")], "meta nfproto ipv4 drop"),
        (
            [TO_PORT, {"counter": {"packets": 3, "bytes": 180}}, {"log": None}],
            "tcp dport 6380 drop",
        ),
        ([match(meta("skuid"), 1000), TO_PORT], "meta skuid 1000 tcp dport 6380 drop"),
        ([{"limit": {"rate": 5, "per": "second"}}, TO_PORT], "tcp dport 6380 drop"),
        ([], "drop"),
    ],
)
def test_a_rule_that_the_connection_meets_blocks_it(
    conditions: list[dict[str, Any]], text: str
) -> None:
    """It is shown as nft shows it."""
    assert blocks(*conditions, DROP) == [text]


@pytest.mark.parametrize(
    "conditions",
    [
        [match(DPORT, 6379)],
        [match(DPORT, {"range": [1, 1023]})],
        [match(DPORT, PORT, "!=")],
        [match(DADDR, "10.0.0.1"), TO_PORT],
        [match(DADDR, {"prefix": {"addr": "10.0.0.0", "len": 8}}), TO_PORT],
        [match(DADDR, {"prefix": {"addr": "20.0.0.0", "len": 8}}, "!="), TO_PORT],
        [match(DADDR6, "2001:db8::1")],
        [match({"payload": {"protocol": "udp", "field": "dport"}}, PORT)],
        [match({"payload": {"protocol": "icmp", "field": "type"}}, "echo-request")],
        [match({"ct": {"key": "state"}}, ["established", "related"], "in")],
        [match(meta("l4proto"), {"set": ["udp", "icmp"]})],
        [match(meta("nfproto"), "ipv6")],
        [match(meta("skuid"), 1000)],  # who knows; and it does not name us
        [match(DPORT, "@nobody-knows")],
        [match({"payload": {"protocol": "tcp", "field": "sport"}}, 22)],
    ],
)
def test_a_rule_that_is_for_others_does_not(conditions: list[dict[str, Any]]) -> None:
    """A rule that says no to others is no proof of anything."""
    assert blocks(*conditions, DROP) == []


def test_a_named_set_is_looked_into() -> None:
    """Its elements may have counters of their own."""
    elements = [22, {"elem": {"val": PORT, "counter": {"packets": 1}}}]
    named = {"set": {"family": "inet", "table": "f", "name": "ports", "elem": elements}}
    asks = rule(match(DPORT, "@ports"), REJECT)

    assert met(named, asks)[1] == ["tcp dport @ports reject"]
    assert met(named, asks, port=6379)[1] == []


def test_a_verdict_map_has_a_row_for_us_or_none() -> None:
    """Each row is a rule."""
    rows = [[80, {"accept": None}], [PORT, {"drop": None}], [{"range": [1, 9]}, {"drop": None}]]
    asks = rule({"vmap": {"key": DPORT, "data": {"set": rows}}})

    assert met(asks)[1] == ["tcp dport 6380 drop"]
    assert met(asks, port=80)[1] == met(asks, port=81)[1] == []


def test_ipv6_has_rules_of_its_own() -> None:
    """A table of one family says nothing about the other."""
    six = "2001:db8::1"
    prefix = match(DADDR6, {"prefix": {"addr": "2001:db8::", "len": 32}})

    assert blocks(prefix, DROP, address=six) == ["ip6 daddr 2001:db8::/32 drop"]
    assert blocks(match(DADDR, {"prefix": {"addr": "0.0.0.0", "len": 0}}), DROP, address=six) == []
    four = {"chain": {**chain()["chain"], "family": "ip"}}
    assert met(four, rule(DROP, family="ip"), address=six)[1] == []
    assert met(four, rule(DROP, family="ip"))[1] == ["drop"]


# --- nftables: the way through the chains ------------------------------------------------------


def test_what_was_let_through_is_not_blocked_further_down() -> None:
    """The first rule that decides ends the way."""
    assert met(rule(TO_PORT, ACCEPT), rule(DROP))[1] == []
    assert met(rule(match(DPORT, 443), ACCEPT), rule(DROP))[1] == ["drop"]


def test_what_may_have_been_let_through_may_have_been_blocked() -> None:
    """Whose connection it is we don't know; the rule that follows is shown for that."""
    perhaps = rule(match(meta("skuid"), 0), ACCEPT)

    assert met(perhaps, rule(TO_PORT, DROP))[1] == ["tcp dport 6380 drop"]


def test_other_hooks_are_not_ours() -> None:
    """What comes in, or is passed on, is another matter."""
    for hook in ("input", "forward", "prerouting", "postrouting"):
        others = chain("in", hook=hook)
        assert met(others, rule(TO_PORT, DROP, name="in"))[1] == []


def test_chains_are_entered_only_by_a_jump() -> None:
    """And left at their end, or by a return."""
    side = chain("side", hook=None)
    in_side = rule(TO_PORT, DROP, name="side")
    jump = rule(verdict("jump", target="side"))

    assert met(side, in_side)[1] == []
    assert met(side, in_side, jump)[1] == ["tcp dport 6380 drop"]
    assert met(side, in_side, rule(match(DPORT, 443), verdict("jump", target="side")))[1] == []
    left = rule(verdict("return"), name="side")
    assert met(side, left, in_side, jump, rule(REJECT))[1] == ["reject"]
    passed = rule(ACCEPT, name="side")
    assert met(side, passed, jump, rule(REJECT))[1] == []
    away = rule(verdict("goto", target="side"))
    assert met(side, away, rule(REJECT))[1] == []


def test_behind_a_jump_that_may_not_be_taken_a_rule_counts_by_its_name() -> None:
    """What is dropped there may be somebody else's altogether."""
    side = chain("side", hook=None)
    perhaps = rule(match(meta("skuid"), 0), verdict("jump", target="side"))

    assert met(side, rule(DROP, name="side"), perhaps)[1] == []
    assert met(side, rule(TO_PORT, DROP, name="side"), perhaps)[1] == ["tcp dport 6380 drop"]


def test_a_jump_in_a_circle_ends() -> None:
    """The kernel would not take it; a listing may say what it likes."""
    side = chain("side", hook=None)
    again = rule(verdict("jump", target="side"), name="side")

    assert met(side, again, rule(verdict("jump", target="side")), rule(DROP))[1] == ["drop"]


def test_a_policy_is_what_is_left() -> None:
    """Unless something has let the connection through, or may have."""
    strict = chain("strict", policy="drop")
    named = "chain strict: policy drop"

    assert met(strict)[1] == [named]
    assert met(strict, rule(match(DPORT, 443), ACCEPT, name="strict"))[1] == [named]
    assert met(strict, rule(TO_PORT, ACCEPT, name="strict"))[1] == []
    assert met(strict, rule(match(meta("skuid"), 0), ACCEPT, name="strict"))[1] == []


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        (verdict("redirect", port=15001), "redirect to :15001"),
        (verdict("dnat", addr="10.0.0.1", port=7000), "dnat to 10.0.0.1:7000"),
        (verdict("dnat", addr="10.0.0.1"), "dnat to 10.0.0.1"),
        (verdict("tproxy", port=15001), "tproxy to :15001"),
    ],
)
def test_redirections_are_told_apart_from_blocks(ends: dict[str, Any], text: str) -> None:
    """Those of our port, and those of everything, as sidecars have them."""
    nat = chain("nat", kind="nat")

    assert met(nat, rule(TO_PORT, ends, name="nat")) == ([f"tcp dport 6380 {text}"], [])
    assert met(nat, rule(ends, name="nat")) == ([text], [])
    assert met(nat, rule(match(DPORT, 443), ends, name="nat")) == ([], [])


def test_without_an_address_a_rule_counts_by_its_port() -> None:
    """The name had none; what the rules say of one cannot be told."""
    assert blocks(TO_PORT, DROP, address="") == ["tcp dport 6380 drop"]
    assert blocks(match(DADDR, CACHE), DROP, address="") == []


# --- iptables ----------------------------------------------------------------------------------

# What Istio's init container leaves in a pod, as `iptables-save` prints it.
ISTIO = """\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [45:3120]
:POSTROUTING ACCEPT [45:3120]
:ISTIO_INBOUND - [0:0]
:ISTIO_IN_REDIRECT - [0:0]
:ISTIO_OUTPUT - [0:0]
:ISTIO_REDIRECT - [0:0]
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A OUTPUT -p tcp -j ISTIO_OUTPUT
-A ISTIO_INBOUND -p tcp -m tcp --dport 15008 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN
-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A ISTIO_OUTPUT -p tcp -m multiport --dports 3306,5432 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
COMMIT
"""


def table(*rules: str, policy: str = "ACCEPT") -> str:
    """Write the filter table."""
    return "\n".join(["*filter", f":OUTPUT {policy} [0:0]", *rules, "COMMIT"]) + "\n"


def met_in(listing: str, address: str = CACHE, port: int = PORT) -> tuple[list[str], list[str]]:
    """Return what a connection meets in this listing."""
    found = Met()
    read_iptables(listing, [Packet(address, port)], found)
    return list(found.redirects), list(found.blocks)


def test_a_sidecar_takes_every_connection_but_those_it_was_told_to_leave() -> None:
    """Istio's own rules; an excluded port goes its way."""
    assert met_in(ISTIO) == (["-p tcp -j REDIRECT --to-ports 15001"], [])
    assert met_in(ISTIO, port=5432) == ([], [])
    assert met_in(ISTIO, "127.0.0.1") == ([], [])


@pytest.mark.parametrize(
    "condition",
    [
        "-p tcp -m tcp --dport 6380",
        "-d 20.42.65.90/32 -p tcp -m tcp --dport 6380",
        "-d 20.0.0.0/8",
        "-p tcp -m multiport --dports 22,6379:6380",
        "! -d 10.0.0.0/8 -p tcp",
        "-p tcp -m conntrack --ctstate NEW,INVALID -m tcp --dport 6380",
        "-p tcp -m owner --uid-owner 1000 -m tcp --dport 6380",
        '-p tcp -m tcp --dport 6380 -m comment --comment "no cache -j ACCEPT here"',
        "-p all",
    ],
)
@pytest.mark.parametrize("target", ["DROP", "REJECT --reject-with icmp-port-unreachable"])
def test_a_rule_of_iptables_that_the_connection_meets_blocks_it(
    condition: str, target: str
) -> None:
    """It is shown as iptables shows it, quotes aside."""
    (shown,) = met_in(table(f"-A OUTPUT {condition} -j {target}"))[1]

    assert shown == f"{condition} -j {target}".replace('"', "")


@pytest.mark.parametrize(
    "rules",
    [
        ["-A OUTPUT -p tcp -m tcp --dport 6379 -j DROP"],
        ["-A OUTPUT -p udp -j DROP"],
        ["-A OUTPUT -d 10.0.0.0/8 -p tcp -m tcp --dport 6380 -j DROP"],
        ["-A OUTPUT -p tcp -m tcp ! --dport 6380 -j DROP"],
        ["-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j DROP"],
        ["-A OUTPUT -m owner --uid-owner 1000 -j DROP"],
        ["-A INPUT -p tcp -m tcp --dport 6380 -j DROP", "-A FORWARD -j DROP"],
        ["-A OUTPUT -p tcp -m tcp --dport 6380 -j ACCEPT", "-A OUTPUT -j DROP"],
        ["-A OUTPUT -p tcp -m tcp --dport 6380 -j LOG --log-prefix DROP"],
        ["-A SIDE -j DROP"],
        ["-A OUTPUT -j SIDE", "-A SIDE -p tcp -j RETURN", "-A SIDE -j DROP"],
        ["-A OUTPUT -g SIDE", "-A OUTPUT -j DROP"],
    ],
)
def test_a_rule_of_iptables_that_is_for_others_does_not(rules: Sequence[str]) -> None:
    """Nor one that is not reached."""
    assert met_in(table(*rules)) == ([], [])


def test_a_policy_of_iptables_is_what_is_left() -> None:
    """As with nft."""
    assert met_in(table(policy="DROP"))[1] == ["chain OUTPUT: policy drop"]
    assert met_in(table("-A OUTPUT -p tcp -j ACCEPT", policy="DROP"))[1] == []


# --- the real thing ----------------------------------------------------------------------------

ASK = """
from refused.probes.host_filter import rules
seen = rules(["20.42.65.90"], 6380, vantage="here")
print([type(seen).__name__, list(getattr(seen, "redirects", ())), list(getattr(seen, "blocks", ()))])
"""
RULES = """
table inet f {
  set ports {
    type inet_service
    flags interval
    elements = { 6380, 7000-7010 }
  }
  chain side {
    ip daddr 20.0.0.0/8 tcp dport @ports counter reject with tcp reset
  }
  chain out {
    type filter hook output priority 0; policy accept;
    oifname "lo" accept
    ct state established,related accept
    tcp dport vmap { 6379 : drop, 80 : accept }
    tcp dport 6379 drop
    meta l4proto tcp jump side
  }
}
table ip n {
  chain out {
    type nat hook output priority -100;
    tcp dport 6380 redirect to :15001
    tcp dport 6381 dnat to 10.0.0.1:7000
  }
}
"""


@pytest.mark.kernel
@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft")
def test_a_real_packet_filter_is_read() -> None:
    """In a network of its own."""
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", 'nft -f - && exec "$0" -c "$1"', sys.executable, ASK],
        input=RULES,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == str(
        [
            "RedirectRules",
            ["tcp dport 6380 redirect to :15001"],
            ["ip daddr 20.0.0.0/8 tcp dport @ports reject"],
        ]
    )


@pytest.mark.kernel
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_who_may_not_read_the_rules_is_told_so() -> None:
    """A user without privileges gets no rules, which is not that there are none."""
    powerless = ["setpriv", "--bounding-set", "-all"]
    done = subprocess.run(
        [*powerless, sys.executable, "-c", ASK], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == str(["Unseen", [], []])


# --- whatever a listing says -------------------------------------------------------------------

NFT_WORDS = [
    *("match", "left", "right", "op", "set", "range", "prefix", "vmap", "key", "data", "drop"),
    *("jump", "target", "payload", "meta", "elem", "val", "addr", "len", "dnat", "port"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NFT_WORDS), inner, max_size=3)
    ),
    max_leaves=12,
)
LISTINGS = st.sampled_from([ISTIO.encode(), table("-A OUTPUT -d 1.2.3.4 -j DROP").encode()])


@given(expressions=st.lists(JSON, max_size=4), right=JSON, others=st.lists(JSON, max_size=2))
def test_whatever_nft_says_is_read_or_left(
    expressions: list[Any], right: object, others: list[Any]
) -> None:
    """No listing is so strange that it raises."""
    body = {"family": "inet", "table": "f", "chain": "out", "expr": expressions}
    entries = [chain(), {"rule": body}, rule(match(DADDR, right), match(DPORT, right), DROP)]
    sets = [{"set": {"family": "inet", "table": "f", "name": "x", "elem": right}}]
    for address in (CACHE, "2001:db8::1", ""):
        found = Met()
        listing = {"nftables": [*entries, *sets, *others]}
        read_nft(json.dumps(listing), [Packet(address, PORT)], found)
        assert all(isinstance(text, str) for text in [*found.blocks, *found.redirects])


@given(text=st.one_of(st.text(), mutated(LISTINGS).map(lambda data: data.decode("latin-1"))))
def test_whatever_iptables_says_is_read_or_left(text: str) -> None:
    """Nor is any text; nft's reader takes it as well."""
    for address in (CACHE, "2001:db8::1", ""):
        read_iptables(text, [Packet(address, PORT)], Met())
        read_nft(text, [Packet(address, PORT)], Met())
