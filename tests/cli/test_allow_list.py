"""What is handed to the firewall team: complete, no wider than needed, and in forms that others read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.parse_target import parse_target
from refused.report.allow_list import TOPOLOGIES, allow_list, topology_of
from refused.report.firewall_rules import network_policy, nsg
from refused.service.ports import PORTS
from refused.service.vnet import REQUIRED_NAMES, required_rules
from tests.cli.alone import command

if TYPE_CHECKING:
    from pathlib import Path

ACR = "contoso.redis.cache.windows.net"
AMR = "fabrikam.westeurope.redis.azure.net"
PUBLIC, PRIVATE = "20.42.65.90", "10.1.2.3"
SUBNETS = ("--source", "10.2.0.0/24", "--cache-subnet", "10.3.0.0/27")


def told(*words: str) -> Any:
    """Return what the command says as JSON."""
    said = command("allow-list", *words)
    assert said.code == 0, said.err
    return json.loads(said.out)


def ports(data: Any, **wanted: str) -> set[str]:
    """Return the ports of the needs that have these values."""
    return {
        each["ports"]
        for each in data["needs"]
        if all(each[name] == value for name, value in wanted.items())
    }


def test_a_client_needs_the_port_it_dials_and_a_cluster_client_the_nodes() -> None:
    """Over TLS, the nodes' TLS ports and not their plain ones."""
    alone = told(ACR, "--address", PUBLIC, "--format", "json")
    cluster = told(ACR, "--address", PUBLIC, "--format", "json", "--cluster")

    assert ports(alone, when="", protocol="tcp") == {"6380"}
    assert ports(alone, when="clients of clusters") == {"15000-15999"}
    assert ports(cluster, when="", protocol="tcp") == {"6380", "15000-15999"}
    assert all(each["source"].startswith("https://") for each in cluster["needs"])


def test_managed_redis_has_one_port_and_a_range_of_nodes() -> None:
    """And tokens come from the cloud that the name belongs to."""
    public = told(AMR, "--address", PUBLIC, "--auth", "entra", "--format", "json")
    china = told("a.b.redis.chinacloudapi.cn", "--address", PUBLIC, "--format", "json")

    assert ports(public, when="", protocol="tcp") == {"10000", "443", "80"}
    assert ["login.microsoftonline.com"] in [each["peers"] for each in public["needs"]]
    assert ["login.chinacloudapi.cn"] in [each["peers"] for each in china["needs"]]
    assert china["cloud"] == "china"


def test_a_redis_of_ones_own_needs_nothing_of_azure() -> None:
    """Its port, and names."""
    data = told("redis.corp.example:7000", "--address", PRIVATE, "--format", "json")

    assert {each["ports"] for each in data["needs"]} == {"53", "7000"}
    assert (data["topology"], data["cloud"]) == ("direct", None)


def test_an_injected_cache_needs_all_that_the_documentation_lists() -> None:
    """Both directions, and the names for those that filter by them."""
    data = told(ACR, "--address", PRIVATE, "--topology", "vnet-injected", "--format", "json")

    cache = [each for each in data["needs"] if each["where"] == "cache"]
    rules = sum(len(required_rules(way, is_clustered=False)) for way in ("inbound", "outbound"))
    names = sum(len(row[1]) for row in REQUIRED_NAMES)
    assert len(cache) == rules + names
    assert ports(data, where="cache", direction="inbound", protocol="tcp+udp") == {"8500", "16001"}


def test_what_the_address_says_of_the_topology() -> None:
    """A guess is called one, and only a private address tells anything."""
    zone = f"contoso.privatelink.{ACR.partition('.')[2]}"

    assert topology_of("acr", [PUBLIC]) == "direct"
    assert topology_of("acr", [PRIVATE], [zone]) == "private-endpoint"
    assert topology_of("acr", [PRIVATE], ["other.example"]) == "vnet-injected"
    assert topology_of("amr", [PRIVATE]) == "private-endpoint"
    assert topology_of("redis", [PRIVATE]) == "direct"
    notes = told(ACR, "--address", PRIVATE, "--format", "json")["notes"]
    assert any("--topology vnet-injected if that is wrong" in note for note in notes)


def test_the_table_has_a_line_for_every_need_and_says_why() -> None:
    """With -v, also where it is written."""
    said = command("allow-list", ACR, "--address", PUBLIC).out

    assert re.search(rf"^client +outbound +{ACR} \({PUBLIC}\) +TCP +6380 ", said, re.MULTILINE)
    assert "no service tag is published for Azure Cache for Redis" in said
    assert "source: https://" in command("allow-list", ACR, "--address", PUBLIC, "-v").out


# --- a bundle ------------------------------------------------------------------------------------


def test_a_bundle_gives_addresses_aliases_and_the_nodes_that_were_seen(tmp_path: Path) -> None:
    """Nothing is looked up again."""
    from refused.api import save
    from refused.evidence.bundle import Bundle
    from refused.evidence.observations import (
        ClusterNode,
        ClusterTopology,
        DnsAnswer,
        DnsRecord,
        NameLookup,
    )

    common: dict[str, Any] = {"vantage": "here", "at": 1.0, "took_ms": 1.0, "source": "test"}
    alias = DnsRecord(name=ACR, type="CNAME", value=f"contoso.privatelink.{ACR[8:]}", ttl_s=60)
    bundle = Bundle(
        target=parse_target(ACR).target,
        taken_at=1.0,
        tool="test",
        facts=(
            NameLookup(host=ACR, outcome="answered", addresses=(PRIVATE,), **common),
            DnsAnswer(
                host=ACR,
                resolver="168.63.129.16:53",
                transport="udp",
                qtype="A",
                outcome="answered",
                chain=(alias,),
                **common,
            ),
            ClusterTopology(
                enabled=True,
                nodes=(
                    ClusterNode(host=PRIVATE, port=15001, role="primary"),
                    ClusterNode(host=PRIVATE, port=7001, role="primary"),
                ),
                **common,
            ),
        ),
    )
    save(bundle, str(tmp_path / "seen.json"))

    data = told(f"@{tmp_path}/seen.json", "--format", "json")

    assert data["topology"] == "private-endpoint"
    assert ports(data, where="client", when="", protocol="tcp") == {"6380", "15000-15999", "7001"}
    assert all(each["addresses"] == [PRIVATE] for each in data["needs"] if each["peers"] == [ACR])


# --- the formats that machines read ----------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        (ACR, "--address", PUBLIC),
        (ACR, "--address", PRIVATE, "--of", "cache"),
        (ACR, "--address", PRIVATE, "--topology", "vnet-injected", "--of", "cache", "--cluster"),
        (AMR, "--address", PRIVATE, "--address", "10.1.2.4", "--cluster"),
        ("redis.corp.example:7000", "--address", "2001:db8::7"),
    ],
)
def test_group_rules_are_rules_as_azures_own_library_reads_them(words: tuple[str, ...]) -> None:
    """Each field is one that the service knows, priorities are free, and every rule allows."""
    network = pytest.importorskip("azure.mgmt.network.models", reason="needs azure-mgmt-network")
    data = told(*words, "--format", "nsg", *SUBNETS)

    rules = [network.SecurityRule(each) for each in data["securityRules"]]

    known = set(network.SecurityRulePropertiesFormat._attr_to_rest_field)
    names = {
        field._rest_name
        for field in network.SecurityRulePropertiesFormat._attr_to_rest_field.values()
    }
    assert known
    for raw, rule in zip(data["securityRules"], rules, strict=True):
        assert set(raw["properties"]) <= names
        assert rule.properties.access == "Allow"
        assert 100 <= rule.properties.priority <= 4096
        assert len(raw["name"]) <= 80
        assert re.fullmatch(r"[\w][\w.-]*\w", raw["name"])
    assert len({each["properties"]["priority"] for each in data["securityRules"]}) == len(rules)
    assert len({each["name"] for each in data["securityRules"]}) == len(rules)


def test_no_group_rule_is_open_to_everybody() -> None:
    """Whatever is not known is left out and named, never widened; the platform's own needs apart."""
    for words in ((ACR, "--address", PUBLIC), (AMR, "--address", PRIVATE, "--auth", "entra")):
        data = told(*words, "--format", "nsg")
        for rule in data["securityRules"]:
            prefixes = {
                value for name, value in rule["properties"].items() if "AddressPrefix" in name
            }
            assert not prefixes & {"*", "0.0.0.0/0", "Internet", "::/0"}
        # A group knows no names, so the issuer of tokens cannot be in it.
        assert any("login.microsoftonline.com" in each for each in data["leftOut"])


def test_firewall_rules_are_as_azures_own_library_reads_them() -> None:
    """Redis by name in network rules, HTTPS by name in application rules, a star in first place alone."""
    network = pytest.importorskip("azure.mgmt.network.models", reason="needs azure-mgmt-network")
    client = told(
        ACR, "--address", PUBLIC, "--auth", "entra", "--format", "azure-firewall", *SUBNETS
    )
    cache = told(
        ACR, "--topology", "vnet-injected", "--of", "cache", "--address", PRIVATE,
        "--format", "azure-firewall", *SUBNETS,
    )  # fmt: skip

    for data in (client, cache):
        for each in data["ruleCollections"]:
            read = network.FirewallPolicyFilterRuleCollection(each)
            assert read.action.type == "Allow"
            assert read.rules
        rules = [rule for each in data["ruleCollections"] for rule in each["rules"]]
        assert len({rule["name"] for rule in rules}) == len(rules)
        for rule in rules:
            assert rule["sourceAddresses"] in (["10.2.0.0/24"], ["10.3.0.0/27"])
            assert "*" not in rule.get("destinationAddresses", [])
            for name in rule.get("targetFqdns", []):
                assert "*" not in name.removeprefix("*.")
    fqdns = {
        tuple(r.get("destinationFqdns", ())) for c in client["ruleCollections"] for r in c["rules"]
    }
    assert (ACR,) in fqdns


@pytest.mark.parametrize("service", [ACR, AMR])
@pytest.mark.parametrize("address", [PRIVATE, "2001:db8::7"])
def test_a_network_policy_is_one_by_the_published_schema(service: str, address: str) -> None:
    """Held to the JSON schema of Kubernetes, with ranges of ports and both families."""
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    schemas = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")

    text = command(
        "allow-list", service, "--address", address, "--cluster", "--auth", "entra",
        "--format", "network-policy", "--pods", "app=cart", "--pods", "tier=\"web: '1'", "--namespace", "shop",
    ).out  # fmt: skip
    policy = yaml.safe_load(text)

    schemas.validate(policy, schemas.latest_version(), strict=True)
    assert policy["spec"]["podSelector"]["matchLabels"] == {"app": "cart", "tier": "\"web: '1'"}
    blocks = [
        to["ipBlock"]["cidr"]
        for rule in policy["spec"]["egress"]
        for to in rule["to"]
        if "ipBlock" in to
    ]
    assert set(blocks) == {f"{address}/{128 if ':' in address else 32}"}
    ranges = [
        (port["port"], port.get("endPort"))
        for rule in policy["spec"]["egress"]
        for port in rule["ports"]
    ]
    node = next(
        row
        for row in PORTS
        if row[3] == "node"
        and row[0] == ("acr" if service == ACR else "amr")
        and row[4] in (None, True)
    )
    assert (node[1], node[2]) in ranges
    # The node's own identity is not given to pods unasked, and names have no place in a policy.
    assert "# not in here: outbound tcp 80 to 169.254.169.254" in text
    assert "# not in here: outbound tcp 443 to login.microsoftonline.com" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((ACR, "--address", PUBLIC, "--format", "azure-firewall"), "these rules need --source CIDR"),
        ((ACR, "--address", PRIVATE, "--format", "nsg", "--of", "cache"), "these rules need --source CIDR"),
        (
            (ACR, "--address", PRIVATE, "--topology", "vnet-injected", "--format", "nsg", "--of", "cache", "--source", "10.2.0.0/24"),
            "these rules need --cache-subnet CIDR",
        ),
        ((ACR, "--address", PUBLIC, "--format", "network-policy"), "needs --pods LABEL=VALUE"),
        ((ACR, "--address", PUBLIC, "--format", "nsg", "--of", "cache"), "has no subnet whose rules are yours"),
        ((ACR, "--address", "somewhere"), "is no IP address"),
        ((ACR, "--address", PUBLIC, "--format", "nsg", "--source", "10.2.0.1/24"), "is no network"),
        ((ACR, "--address", PUBLIC, "--format", "network-policy", "--pods", "cart"), "is no label"),
        (("lab:healthy",), "give the host name"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_one_line(words: tuple[str, ...], said: str) -> None:
    """With what would be right; exit code 2."""
    answer = command("allow-list", *words)

    assert answer.code == 2
    assert answer.out == ""
    assert said in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_name_that_leads_nowhere_makes_no_rule_by_address(unused: int) -> None:
    """The list still says what is needed, by name."""
    words = (ACR, "--resolver", f"127.0.0.1:{unused}")

    assert any("was not looked up" in each for each in told(*words, "--format", "json")["notes"])
    answer = command("allow-list", *words, "--format", "network-policy", "--pods", "app=cart")
    assert (answer.code, answer.out) == (2, "")
    assert "has no address that a rule could name" in answer.err


@pytest.fixture
def unused() -> int:
    """Return a port on which nobody answers."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_no_secret_of_the_target_is_in_any_format() -> None:
    """A connection string is a target like any other."""
    key = "c29tZXRoaW5nIHRoYXQgbXVzdCBub3QgYmUgc2hvd24gMDE="
    for form in ("table", "json", "nsg", "azure-firewall", "network-policy"):
        said = command(
            "allow-list", f"{ACR}:6380,password={key},ssl=True", "--address", PUBLIC,
            "--format", form, "--pods", "app=cart", *SUBNETS,
        )  # fmt: skip
        assert said.code == 0, said.err
        assert key not in said.out + said.err


HOSTS = st.sampled_from([ACR, AMR, "a.b.redisenterprise.cache.azure.net", "redis.corp.example"])
ADDRESSES = st.lists(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str), min_size=1, max_size=3
)


@given(HOSTS, ADDRESSES, st.sampled_from(TOPOLOGIES), st.booleans())
def test_every_rule_stands_for_a_need(
    host: str, addresses: list[str], topology: Any, cluster: bool
) -> None:
    """No port and no peer of a rule is in none of the needs."""
    target = parse_target(host).target
    listed = allow_list(target, addresses, topology=topology, cluster=cluster)

    rules = nsg(listed, source="10.2.0.0/24", cache_subnet="10.3.0.0/27")["securityRules"]
    policy = network_policy(listed, namespace="n", labels=[("a", "b")], name="p")

    wanted = {(need.ports, need.direction) for need in listed.needs if not need.when}
    for rule in rules:
        properties = rule["properties"]
        assert (properties["destinationPortRange"], properties["direction"].lower()) in wanted
    assert f"port: {target.port}\n" in policy + "\n"
