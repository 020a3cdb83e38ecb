"""What causes make of a cluster's own words: a proof where the pod itself was seen to fail, a clue elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refused.causes import (
    dns_resolver_failure,
    egress_blocked,
    ip_address_changed,
    kubernetes_liveness_restart,
    max_clients_reached,
    private_endpoint_dns,
    service_mesh_intercept,
)
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import AzureCache
from refused.evidence.kubernetes import (
    ClusterDns,
    ContainerProbe,
    DnsZoneRule,
    IstioDestinationRule,
    IstioPeerAuthentication,
    IstioServiceEntry,
    IstioSidecarScope,
    KubernetesPolicy,
    KubernetesService,
    KubernetesWorkload,
    MeshPort,
    MeshSettings,
    PolicyPeer,
    PolicyPort,
    PolicyRule,
    Selector,
    Sidecar,
)
from refused.evidence.observations import (
    ClusterNode,
    ClusterTopology,
    DnsAnswer,
    DnsRecord,
    NameLookup,
    NodeVisit,
    RedisReply,
    TcpDial,
    TlsHandshake,
)
from refused.evidence.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.observations import Observation

HOST, ADDRESS = "contoso.redis.cache.windows.net", "20.42.65.90"
CACHE = Target(text=f"{HOST}:6380", form="host", host=HOST, port=6380, tls=True, service="acr")
STAMP: dict[str, Any] = {"vantage": "k8s:shop/cart-7", "at": 1.0, "took_ms": 1.0, "source": "test"}
OBJECT: dict[str, Any] = {**STAMP, "vantage": "control-plane", "namespace": "shop"}
ISTIO = Sidecar(mesh="istio", present=True, said="the pod has the container istio-proxy")
PODS = KubernetesWorkload(
    **OBJECT,
    kind="Deployment",
    name="cart",
    role="client",
    chosen="the user named it",
    labels=(("app", "cart"),),
    sidecars=(ISTIO,),
)
ALONE = PODS.replace(sidecars=())
LOOKUP = NameLookup(**STAMP, host=HOST, outcome="answered", addresses=(ADDRESS,))
ANSWER = DnsAnswer(
    **STAMP,
    host=HOST,
    resolver="10.0.0.10:53",
    transport="udp",
    qtype="A",
    outcome="answered",
    chain=(DnsRecord(name=HOST, type="A", value=ADDRESS, ttl_s=30),),
)
SILENT = TcpDial(**STAMP, address=ADDRESS, port=6380, outcome="silent")
ACCEPTED = SILENT.replace(outcome="accepted")
CLOSED = TlsHandshake(**STAMP, address=ADDRESS, port=6380, sni=HOST, outcome="closed")
NOTHING_OUT = KubernetesPolicy(
    **OBJECT, flavour="kubernetes", name="deny", selects=Selector(), isolates=True
)
REGISTERED = MeshSettings(**STAMP, mesh="istio", outbound="REGISTRY_ONLY")
DNS = ClusterDns(**STAMP)


def heard(
    module: Any, *facts: Observation, vantage: str = "k8s:shop/cart-7", target: Target = CACHE
) -> list[Statement]:
    """Hear a judge on what was seen from a place."""
    said: Iterator[Statement] = module.judge(Evidence(*facts, target=target, vantage=vantage))
    return list(said)


def proofs(said: list[Statement]) -> list[str]:
    """Return what was proved."""
    return [each.because for each in said if isinstance(each, Proof)]


def clues(said: list[Statement], *, above: float = 0.0) -> list[str]:
    """Return what speaks for it."""
    return [each.because for each in said if isinstance(each, Clue) and each.weight > above]


# --- policies ------------------------------------------------------------------------------------


def test_a_policy_that_denies_and_a_dial_from_the_pod_that_met_silence_prove_it() -> None:
    """The policy says so, and it was seen."""
    (said,) = proofs(heard(egress_blocked, LOOKUP, SILENT, ALONE, NOTHING_OUT))

    assert said == (
        f"NetworkPolicy shop/deny lets shop/deployment/cart out to some places alone, and no rule has TCP port 6380 of "
        f"{HOST} ({ADDRESS}), and the dial met silent"
    )


def test_from_a_laptop_the_pod_s_policy_is_a_clue() -> None:
    """What a laptop meets, another firewall may have done."""
    said = heard(egress_blocked, LOOKUP, SILENT, ALONE, NOTHING_OUT, vantage="ssh:jump")

    assert proofs(said) == []
    assert any("NetworkPolicy shop/deny" in each for each in clues(said, above=2.0))


def test_a_connection_that_was_accepted_was_denied_by_no_policy() -> None:
    """Whatever the policy says that was read: it may not be in force."""
    assert proofs(heard(egress_blocked, LOOKUP, ACCEPTED, CLOSED, ALONE, NOTHING_OUT)) == []


def test_policies_that_let_the_port_out_speak_against_it() -> None:
    """A little: others may be there that were not read."""
    open_door = NOTHING_OUT.replace(
        rules=(
            PolicyRule(
                peers=(PolicyPeer(block="20.0.0.0/8"),),
                ports=(PolicyPort(protocol="TCP", first=6380, last=6380),),
            ),
        )
    )
    said = heard(egress_blocked, LOOKUP, SILENT, ALONE, open_door)

    assert [
        each.weight
        for each in said
        if isinstance(each, Clue) and "no network policy" in each.because
    ] == [-0.8]


def test_a_policy_that_knows_the_front_door_alone_keeps_the_nodes_away() -> None:
    """A cluster client is told of ports that nobody let out."""
    door = PolicyRule(any_peer=True, ports=(PolicyPort(protocol="TCP", first=6380, last=6380),))
    nodes = ClusterTopology(
        **STAMP,
        enabled=True,
        nodes=(ClusterNode(host="20.0.0.1", port=15002, role="primary"),),
    )
    visit = NodeVisit(
        **STAMP, host="20.0.0.1", port=15002, address="20.0.0.1", role="primary", stage="tcp", outcome="silent"
    )  # fmt: skip
    well = (LOOKUP, ACCEPTED, CLOSED.replace(outcome="ok", server_spoke=True, version="1.3"))
    aware = CACHE.replace(cluster_aware=True)
    policy = NOTHING_OUT.replace(rules=(door,))

    (said,) = proofs(heard(egress_blocked, *well, nodes, visit, ALONE, policy, target=aware))
    wider = policy.replace(rules=(door.replace(ports=(PolicyPort(protocol="TCP"),)),))

    assert "no rule has TCP port 15002" in said
    assert "the node at 15002 met the dial with: silent" in said
    assert proofs(heard(egress_blocked, *well, nodes, visit, ALONE, wider, target=aware)) == []


def test_pods_on_the_host_s_network_heed_no_policy() -> None:
    """Policies are of pods' own networks."""
    said = heard(egress_blocked, LOOKUP, SILENT, ALONE.replace(host_network=True), NOTHING_OUT)

    assert proofs(said) == []


def test_a_policy_that_denies_dns_is_the_resolver_s_silence() -> None:
    """The lookup ends in nothing, and the policy has no rule for port 53."""
    late = LOOKUP.replace(outcome="try-again", addresses=(), error=-3)
    unheard = ANSWER.replace(outcome="silent", chain=())

    (said,) = proofs(heard(dns_resolver_failure, late, unheard, ALONE, NOTHING_OUT))

    assert "UDP port 53 of the cluster's DNS" in said


def test_a_name_that_is_not_found_was_asked_for() -> None:
    """So that no policy kept the question back."""
    unknown = LOOKUP.replace(outcome="not-found", addresses=())
    nobody = ANSWER.replace(outcome="nxdomain", chain=())

    assert proofs(heard(dns_resolver_failure, unknown, nobody, ALONE, NOTHING_OUT)) == []


# --- the mesh ------------------------------------------------------------------------------------

ENDED = (LOOKUP, ACCEPTED, CLOSED)
ENTRY = IstioServiceEntry(
    **OBJECT, name="cache", hosts=(HOST,), ports=(MeshPort(number=6380, protocol="TLS"),)
)
NARROW = IstioSidecarScope(
    **OBJECT,
    name="default",
    outbound="REGISTRY_ONLY",
    hosts=("./*", "istio-system/*"),
    ports=(0, 0),
)
DOUBLE = IstioDestinationRule(**OBJECT, name="cache", host=HOST, mode="SIMPLE")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ((DOUBLE, ENTRY), "adds TLS (SIMPLE) on port 6380 to that of the client"),
        ((DOUBLE.replace(mode="ISTIO_MUTUAL"), ENTRY), "which is not in the mesh"),
        ((REGISTERED, ENTRY.replace(ports=(MeshPort(number=6379, protocol="TCP"),))), "has the ports 6379, not 6380"),
        ((ENTRY.replace(ports=(MeshPort(number=6380, protocol="HTTP"),)),), "calls port 6380 HTTP"),
        ((REGISTERED, ENTRY.replace(namespace="pay", export_to=(".",))), "does not show itself to shop"),
        ((NARROW, ENTRY.replace(namespace="pay")), "not among the egress hosts of the Sidecar shop/default"),
    ],
)  # fmt: skip
def test_what_ends_the_connection_by_itself_is_proved_by_an_end_seen_in_the_pod(
    facts: tuple[Observation, ...], said: str
) -> None:
    """The mesh's own words, and TLS that ended after the sidecar had accepted."""
    (proof,) = proofs(heard(service_mesh_intercept, *ENDED, PODS, *facts))

    assert said in proof


def test_an_entry_that_manifests_lack_may_be_in_the_cluster() -> None:
    """Nothing is proved by what one does not see."""
    said = heard(service_mesh_intercept, *ENDED, PODS, REGISTERED)

    assert proofs(said) == []
    assert any(f"no service entry is for {HOST}" in each for each in clues(said, above=1.5))


@pytest.mark.parametrize(
    "facts",
    [
        (REGISTERED, ENTRY),
        (NARROW, ENTRY),
        (NARROW.replace(hosts=("pay/*",)), ENTRY.replace(namespace="pay")),
        (NARROW.replace(hosts=(f"*/{HOST}",)), ENTRY.replace(namespace="pay")),
        (NARROW.replace(selects=(("app", "other"),)), REGISTERED.replace(outbound="ALLOW_ANY")),
        (DOUBLE.replace(mode=None), ENTRY),
        (DOUBLE.replace(host="other.example"), ENTRY),
        (DOUBLE.replace(namespace="pay", export_to=(".",)), ENTRY),
        (DOUBLE.replace(selects=(("app", "other"),)), ENTRY),
        (DOUBLE.replace(port_modes=((6380, "DISABLE"),)), ENTRY),
        (REGISTERED.replace(outbound="ALLOW_ANY"),),
    ],
)
def test_a_mesh_that_carries_it_through_is_left_alone(facts: tuple[Observation, ...]) -> None:
    """That a sidecar is there is all that can be said."""
    said = heard(service_mesh_intercept, *ENDED, PODS, *facts)

    assert proofs(said) == []
    assert clues(said, above=0.7) == []


def test_a_certificate_that_is_not_trusted_is_no_sign_of_the_mesh() -> None:
    """The fault may be there; what was seen is another."""
    foreign = CLOSED.replace(outcome="untrusted", server_spoke=True)

    assert (
        proofs(heard(service_mesh_intercept, LOOKUP, ACCEPTED, foreign, PODS, DOUBLE, ENTRY)) == []
    )


def test_a_running_pod_that_keeps_the_port_out_rules_the_mesh_out() -> None:
    """The sidecar never sees the connection."""
    kept = PODS.replace(is_running=True, sidecars=(ISTIO.replace(excluded_ports=((6380, 6380),)),))

    said = heard(service_mesh_intercept, *ENDED, kept)

    assert [each.because for each in said if isinstance(each, RuledOut)] == [
        "shop/deployment/cart excludes port 6380 from istio"
    ]


@pytest.mark.parametrize(
    ("port", "opaque", "waits"),
    [
        (6379, None, False),
        (10000, None, True),
        (6379, ((3306, 3306),), True),
        (10000, ((10000, 10000),), False),
    ],
)
def test_linkerd_waits_for_the_first_word_on_ports_that_it_reads(
    port: int, opaque: tuple[tuple[int, int], ...] | None, *, waits: bool
) -> None:
    """An annotation replaces its own list of ports that it does not read."""
    there = Target(text="x", form="host", host=HOST, port=port, tls=False)
    linkerd = Sidecar(mesh="linkerd", present=True, said="x", opaque_ports=opaque)
    quiet = RedisReply(**STAMP, address=ADDRESS, port=port, command="PING", outcome="silent")

    said = clues(
        heard(
            service_mesh_intercept,
            LOOKUP,
            ACCEPTED.replace(port=port),
            quiet,
            PODS.replace(sidecars=(linkerd,)),
            target=there,
        )
    )

    assert any("opaque-ports" in each for each in said) is waits


def test_a_server_in_the_mesh_turns_away_whoever_has_no_sidecar() -> None:
    """STRICT is of the server's side; the client's is missing."""
    there = Target(text="redis:6379", form="host", host="redis", port=6379, tls=False)
    server = PODS.replace(name="redis", role="server", labels=(("app", "redis"),))
    strict = IstioPeerAuthentication(**OBJECT, name="default", mode="STRICT")
    service = KubernetesService(**OBJECT, name="redis", ports=((6379, "6379"),))

    said = heard(
        service_mesh_intercept, ALONE, server, strict, service, vantage="here", target=there
    )
    softer = strict.replace(port_modes=((6379, "PERMISSIVE"),))

    assert any("takes the mesh's own TLS alone" in each for each in clues(said))
    assert clues(heard(service_mesh_intercept, ALONE, server, softer, service, target=there)) == []


# --- names ---------------------------------------------------------------------------------------

UNKNOWN = (
    LOOKUP.replace(outcome="not-found", addresses=()),
    ANSWER.replace(outcome="nxdomain", chain=()),
)


def test_a_hosts_block_without_fallthrough_swallows_every_other_name() -> None:
    """CoreDNS answers NXDOMAIN in its own name, for names that are right."""
    rule = DnsZoneRule(
        zones=(".",), forwards=("/etc/resolv.conf",), hosts=(("10.0.0.1", "a.example"),)
    )

    said = heard(dns_resolver_failure, *UNKNOWN, ALONE, DNS.replace(rules=(rule,)))
    falls = DNS.replace(rules=(rule.replace(falls_through=True),))

    assert "for want of fallthrough" in proofs(said)[0]
    assert proofs(heard(dns_resolver_failure, *UNKNOWN, ALONE, falls)) == []


def test_pods_of_the_host_s_network_do_not_know_the_cluster_s_names() -> None:
    """Unless their DNS policy says so."""
    host = "redis.shop.svc.cluster.local"
    there = Target(text=host, form="host", host=host, port=6379, tls=False)
    looked = LOOKUP.replace(host=host, outcome="not-found", addresses=())
    pods = ALONE.replace(host_network=True)

    said = heard(dns_resolver_failure, looked, pods, target=there)
    right = pods.replace(dns_policy="ClusterFirstWithHostNet")

    assert "hostNetwork without dnsPolicy ClusterFirstWithHostNet" in proofs(said)[0]
    assert proofs(heard(dns_resolver_failure, looked, right, target=there)) == []


def test_a_host_alias_that_dns_does_not_give_is_an_old_address() -> None:
    """The pod's hosts file goes before DNS."""
    pinned = ALONE.replace(host_aliases=(("10.9.9.9", HOST),))
    same = ALONE.replace(host_aliases=((ADDRESS, HOST),))

    said = clues(heard(ip_address_changed, LOOKUP, ANSWER, SILENT, pinned))

    assert (
        f"hostAliases of shop/deployment/cart pin {HOST} to 10.9.9.9, and DNS gives {ADDRESS}"
        in said
    )
    assert not [
        each
        for each in clues(heard(ip_address_changed, LOOKUP, ANSWER, SILENT, same))
        if "hostAliases" in each
    ]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ((DnsZoneRule(zones=("redis.cache.windows.net",), forwards=("10.1.0.53",)),), "sends questions to 10.1.0.53"),
        (
            (
                DnsZoneRule(zones=(".",), forwards=("/etc/resolv.conf",)),
                DnsZoneRule(zones=("privatelink.redis.cache.windows.net",), forwards=("10.1.0.53",)),
            ),
            "has a rule for privatelink.redis.cache.windows.net alone",
        ),
        ((DnsZoneRule(zones=(".",), forwards=("/etc/resolv.conf",)),), ""),
        ((DnsZoneRule(zones=(".",), forwards=("168.63.129.16",)),), ""),
    ],
)  # fmt: skip
def test_who_asks_the_wrong_server_is_led_past_the_private_zone(
    rules: tuple[DnsZoneRule, ...], said: str
) -> None:
    """Questions are for the public suffix; the zone's own is not asked for."""
    alias = DnsRecord(name=HOST, type="CNAME", value=f"contoso.privatelink{HOST[7:]}", ttl_s=30)
    public = ANSWER.replace(chain=(alias, *ANSWER.chain))

    found = clues(
        heard(private_endpoint_dns, LOOKUP, public, SILENT, ALONE, DNS.replace(rules=rules))
    )

    assert [each for each in found if "CoreDNS" in each] == ([] if not said else [found[0]])
    assert said in found[0]


# --- pods ------------------------------------------------------------------------------------------

PROBE = ContainerProbe(container="app", purpose="liveness", how="exec redis-cli", names_cache=True)


def test_restarts_that_a_liveness_probe_made_are_proved_by_the_pod() -> None:
    """It asks the cache, and the kubelet killed the process."""
    pods = ALONE.replace(probes=(PROBE,), restarts=4, last_end="app: Error (137)")

    (said,) = proofs(heard(kubernetes_liveness_restart, LOOKUP, SILENT, pods))

    assert "ends the pod after 30 s" in said
    assert "4 restarts" in said


@pytest.mark.parametrize("end", ["app: OOMKilled (137)", "app: Error (1)", ""])
def test_a_pod_that_ended_by_itself_was_not_ended_by_a_probe(end: str) -> None:
    """Memory and bugs end processes, too."""
    pods = ALONE.replace(probes=(PROBE,), restarts=4, last_end=end)

    assert proofs(heard(kubernetes_liveness_restart, LOOKUP, SILENT, pods)) == []


def test_a_readiness_probe_may_ask_the_cache() -> None:
    """It ends nobody."""
    pods = ALONE.replace(probes=(PROBE.replace(purpose="readiness"),), restarts=0)

    assert [type(each) for each in heard(kubernetes_liveness_restart, LOOKUP, SILENT, pods)] == [
        RuledOut
    ]


def test_pods_and_their_pools_are_reckoned_against_the_limit() -> None:
    """Forty pods with a hundred connections each are more than a thousand."""
    pods = ALONE.replace(replicas=40, pool_sizes=(("REDIS_MAX_CONNECTIONS", 100),))
    cache = AzureCache(
        **{**STAMP, "vantage": "control-plane"}, id="x", service="acr", name="contoso", host=HOST,
        location="", provisioning_state=None, sku="Standard", family="C", capacity=1, max_clients=1000,
    )  # fmt: skip

    said = clues(heard(max_clients_reached, LOOKUP, ACCEPTED, CLOSED, pods, cache))
    fewer = pods.replace(replicas=4)

    assert any(
        "40 pods of shop/deployment/cart with REDIS_MAX_CONNECTIONS=100 may open 4000" in e
        for e in said
    )
    assert not any(
        "may open" in e
        for e in clues(heard(max_clients_reached, LOOKUP, ACCEPTED, CLOSED, fewer, cache))
    )
