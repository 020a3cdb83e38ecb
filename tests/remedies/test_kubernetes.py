"""Patches do what they say by the real ``kubectl``, and what is created is what the published schemas take."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from refused.remedies.kubernetes import object_name
from refused.remedies.plan import plan
from refused.report.plan import rendered
from tests.remedies.scenery import WORLDS, bundle, found

if TYPE_CHECKING:
    from pathlib import Path

    from refused.remedies.change import Change

KINDS = (
    "mesh-exclusion",
    "service-entry",
    "destination-rule",
    "network-policy",
    "pod-start",
    "liveness-probe",
    "pod-dns",
)
OURS = sorted(world for world in WORLDS if world.partition(".")[0] in KINDS)

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "cart"}},
        "template": {
            "metadata": {
                "labels": {"app": "cart"},
                "annotations": {
                    "traffic.sidecar.istio.io/excludeOutboundPorts": "3306",
                    "team": "a",
                },
            },
            "spec": {"containers": [{"name": "app", "image": "cart:1"}]},
        },
    },
}
ENTRY: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "redis", "namespace": "shop"},
    "spec": {
        "hosts": ["contoso.redis.cache.windows.net"],
        "ports": [
            {"number": 6379, "name": "tcp", "protocol": "TCP"},
            {"number": 6380, "name": "http", "protocol": "HTTP"},
        ],
        "resolution": "DNS",
    },
}
RULE: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "DestinationRule",
    "metadata": {"name": "redis", "namespace": "shop"},
    "spec": {
        "host": "contoso.redis.cache.windows.net",
        "trafficPolicy": {
            "connectionPool": {"tcp": {"maxConnections": 9}},
            "tls": {"mode": "SIMPLE"},
            "portLevelSettings": [
                {"port": {"number": 6379}, "tls": {"mode": "DISABLE"}},
                {"port": {"number": 6380}, "tls": {"mode": "SIMPLE"}},
            ],
        },
    },
}


def change_in(world: str) -> Change:
    """Return the change that a world is made for."""
    cause, facts, where = WORLDS[world]
    steps = plan(bundle(facts, where), found(cause)).steps
    return next(s.change for s in steps if s.change.kind == world.partition(".")[0])


def command(world: str) -> str:
    """Return what a person would type."""
    return rendered(change_in(world))["kubectl"]


def created(world: str) -> dict[str, Any]:
    """Return the object that a command makes."""
    text = command(world)
    assert text.startswith("kubectl create --filename - <<'EOF'\n")
    made: dict[str, Any] = json.loads(text.split("\n", 1)[1].rsplit("\n", 1)[0])
    return made


def patched(world: str, item: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return *item* after the command was carried out on a file, without any cluster."""
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    file = folder / "item.json"
    file.write_text(json.dumps(item))
    words = shlex.split(command(world))
    at = words.index("patch")
    local = ["kubectl", "patch", "--local", "-f", str(file), "-o", "json", *words[at + 3 :]]
    done = subprocess.run(local, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after: dict[str, Any] = json.loads(done.stdout)
    return after


def test_an_exclusion_is_added_to_those_that_are_there(tmp_path: Path) -> None:
    """And nothing else of the pods changes."""
    after = patched("mesh-exclusion.workload", DEPLOYMENT, tmp_path)["spec"]["template"]

    assert after["metadata"]["annotations"] == {
        "traffic.sidecar.istio.io/excludeOutboundPorts": "3306,15001",
        "team": "a",
    }
    assert after["spec"]["containers"][0]["image"] == "cart:1"
    assert "shop patch deployment cart" in command("mesh-exclusion.workload")


def test_the_application_waits_for_its_sidecar(tmp_path: Path) -> None:
    """Its other annotations stay."""
    notes = patched("pod-start", DEPLOYMENT, tmp_path)["spec"]["template"]["metadata"][
        "annotations"
    ]

    assert json.loads(notes["proxy.istio.io/config"]) == {"holdApplicationUntilProxyStarts": True}
    assert notes["team"] == "a"


def test_one_probe_goes_and_the_container_stays(tmp_path: Path) -> None:
    """By a strategic patch, which finds it by its name among others."""
    pod = DEPLOYMENT["spec"]["template"]
    containers = [
        {"name": "log", "image": "log:1", "livenessProbe": {"tcpSocket": {"port": 1}}},
        {
            "name": "app",
            "image": "cart:1",
            "livenessProbe": {"exec": {"command": ["redis-cli", "ping"]}},
            "readinessProbe": {"tcpSocket": {"port": 80}},
        },
    ]
    template = {**pod, "spec": {"containers": containers}}
    item = {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "template": template}}

    after = patched("liveness-probe", item, tmp_path)["spec"]["template"]["spec"]["containers"]

    found = {each["name"]: sorted(each) for each in after}
    assert found == {
        "log": ["image", "livenessProbe", "name"],
        "app": ["image", "name", "readinessProbe"],
    }


def test_pods_of_the_host_s_network_ask_the_cluster_s_dns(tmp_path: Path) -> None:
    """By the policy that is made for them."""
    spec = patched("pod-dns", DEPLOYMENT, tmp_path)["spec"]["template"]["spec"]

    assert spec["dnsPolicy"] == "ClusterFirstWithHostNet"


def test_one_pinned_name_goes_and_the_others_stay(tmp_path: Path) -> None:
    """The list is written anew, less the one."""
    spec = patched("pod-dns.pinned", DEPLOYMENT, tmp_path)["spec"]["template"]["spec"]

    assert spec["hostAliases"] == [{"ip": "10.1.1.1", "hostnames": ["other.example"]}]


def test_a_port_is_added_to_an_entry(tmp_path: Path) -> None:
    """The others stay."""
    after = patched("service-entry.port", ENTRY, tmp_path)["spec"]["ports"]

    assert [each["number"] for each in after] == [6379, 6380, 6380]
    assert after[2] == {"number": 6380, "name": "tls-6380", "protocol": "TLS"}


def test_the_protocol_of_one_port_is_set_right(tmp_path: Path) -> None:
    """Of the port that was read, wherever it stands in the list."""
    after = patched("service-entry.protocol", ENTRY, tmp_path)["spec"]["ports"]

    assert [each["protocol"] for each in after] == ["TCP", "TLS"]


def test_a_list_that_has_changed_since_is_left_alone(tmp_path: Path) -> None:
    """The patch tests what stands at its place before it writes there."""
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    other = {**ENTRY, "spec": {**ENTRY["spec"], "ports": ENTRY["spec"]["ports"][::-1]}}

    with pytest.raises(AssertionError, match="test"):
        patched("service-entry.protocol", other, tmp_path)


def test_the_second_tls_goes_and_what_stands_beside_it_stays(tmp_path: Path) -> None:
    """Connection limits are no part of it."""
    whole = patched("destination-rule", RULE, tmp_path)["spec"]["trafficPolicy"]
    one = patched("destination-rule.port", RULE, tmp_path)["spec"]["trafficPolicy"]

    assert "tls" not in whole
    assert whole["connectionPool"] == {"tcp": {"maxConnections": 9}}
    assert one["tls"] == {"mode": "SIMPLE"}
    assert [each.get("tls") for each in one["portLevelSettings"]] == [{"mode": "DISABLE"}, None]


@pytest.mark.parametrize("world", ["network-policy", "network-policy.dns"])
def test_a_policy_is_what_the_published_schema_takes(world: str) -> None:
    """Of several versions of Kubernetes."""
    schemas = pytest.importorskip("kubernetes_validate")
    policy = created(world)

    for version in ("1.27", "1.31"):
        schemas.validate(policy, version, strict=True)


def test_a_policy_lets_exactly_the_cache_s_port_out() -> None:
    """From the pods of one workload, and to nowhere else."""
    policy = created("network-policy")

    assert policy["spec"] == {
        "podSelector": {"matchLabels": {"app": "cart"}},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [{"ipBlock": {"cidr": "20.42.65.90/32"}}],
                "ports": [{"protocol": "TCP", "port": 6380}],
            }
        ],
    }


def test_where_cilium_is_at_work_the_cache_is_let_out_by_name() -> None:
    """With the rule by which Cilium learns the addresses."""
    egress = created("network-policy.cilium")["spec"]["egress"]

    assert egress[0]["toPorts"][0]["rules"] == {"dns": [{"matchPattern": "*"}]}
    assert egress[1]["toFQDNs"] == [{"matchName": "contoso.redis.cache.windows.net"}]


def test_a_new_entry_is_shown_to_the_client_s_namespace_alone() -> None:
    """It carries TLS through by its server name."""
    spec = created("service-entry")["spec"]

    assert spec["exportTo"] == ["."]
    assert spec["ports"] == [{"number": 6380, "name": "tls-6380", "protocol": "TLS"}]


def test_where_only_registered_hosts_get_out_no_port_is_led_past_that_rule() -> None:
    """An exclusion would let the pods out to every host on that port."""
    cause, facts, where = WORLDS["service-entry"]
    kinds = {step.change.kind for step in plan(bundle(facts, where), found(cause)).steps}

    assert kinds == {"service-entry"}


@pytest.mark.parametrize("world", OURS)
def test_nothing_of_an_object_is_overwritten_unseen(world: str) -> None:
    """An object is made, or one that was read is patched; none is replaced."""
    assert command(world).split()[1] == "create" or " patch " in command(world)
    assert "--force" not in command(world)


def test_a_long_host_still_gives_a_name() -> None:
    """Kubernetes takes 63 letters."""
    assert object_name("a" * 80 + ".example", "redis") == "redis-" + "a" * 57
    assert object_name("Cache.Example.", "redis") == "redis-cache-example"
