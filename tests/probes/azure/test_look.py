"""A look at the control plane, beside the walk: whole, and with every way in which it can go wrong.

Through ``refused.api``, as a user has it. The data plane is a name that leads nowhere (its own
resolver says so at once), so that what is left is what Azure said.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from refused import api
from refused.evidence.control_plane import (
    AccessKeys,
    ArmAnswer,
    AzureCache,
    AzureSubnet,
    AzureSubscription,
    ChangeSearch,
    ClientAddress,
    FirewallRules,
    Metric,
    NetworkSecurityGroup,
    PatchWindows,
    PrivateDnsZone,
    PrivateDnsZoneList,
    PrivateEndpoint,
    PrivateEndpointList,
    ResourceChange,
    ResourceHealth,
    ResourceSearch,
    RouteTable,
    ServiceEvent,
)
from refused.evidence.observations import Unseen
from refused.evidence.parse_target import BadTarget
from refused.lab.arm import worlds
from refused.lab.arm.state import Fault
from refused.lab.world import World
from refused.probes.azure.address import BadAddress
from refused.probes.azure.endpoint import BadEndpoint
from tests.conftest import LATE_S
from tests.probes.azure.planes import (
    CACHE_ID,
    SUBSCRIPTION,
    TOKEN,
    Papers,
    Reply,
    Scripted,
    cache,
    error,
    healthy,
)
from tests.probes.resolvers import Asked as DnsAsked
from tests.probes.resolvers import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Bundle
    from tests.probes.azure.planes import Asked

    Kind = TypeVar("Kind")

HOST = "shop.redis.cache.windows.net"
# What must be there, or be said to be missing, whatever the plane does.
WANTED = {
    "AzureCache",
    "FirewallRules",
    "PrivateEndpointList",
    "Metric",
    "ResourceHealth",
    "ResourceChange",
}


@pytest.fixture(scope="module")
def resolver() -> Iterator[str]:
    """Serve a resolver that knows no name."""
    with Resolver(lambda asked: [asked.reply(rcode="NXDOMAIN")]) as found:
        yield f"127.0.0.1:{found.address[1]}"


def all_of(bundle: Bundle, kind: type[Kind]) -> list[Kind]:
    """Return all facts of a kind."""
    return [fact for fact in bundle.facts if isinstance(fact, kind)]


def gaps(bundle: Bundle) -> dict[str, Unseen]:
    """Return what of the control plane was not seen, by what is missing."""
    return {
        fact.what: fact
        for fact in bundle.facts
        if isinstance(fact, Unseen) and fact.vantage == "control-plane"
    }


def seen_or_said(bundle: Bundle) -> set[str]:
    """Return the kinds that are there, or said to be missing; a search counts for what it seeks."""
    kinds = {type(fact).__name__ for fact in bundle.facts} | set(gaps(bundle))
    return kinds | ({"ResourceChange"} if "ChangeSearch" in kinds else set())


def look(server: Scripted, resolver: str, target: str = HOST, **options: Any) -> Bundle:
    """Look at a target whose data plane leads nowhere."""
    environ = server.environ(**options.pop("environ", {}))
    return api.probe(target, resolver=resolver, environ=environ, **options)


# --- all is well ----------------------------------------------------------------------------------------


def test_a_host_name_is_enough(papers: Papers, resolver: str) -> None:
    """Everything that the classic list looks at, and more, in one look."""
    with Scripted(papers, healthy) as server:
        bundle = look(server, resolver)

    (found,) = all_of(bundle, AzureCache)
    assert (found.id, found.provisioning_state, found.min_tls) == (CACHE_ID, "Succeeded", "1.2")
    assert (found.public_access, found.plain_port, found.max_clients) == ("Enabled", None, 1000)
    assert all_of(bundle, FirewallRules)[0].rules == ()
    assert all_of(bundle, PrivateEndpointList)[0].count == 0
    assert all_of(bundle, ResourceHealth)[0].state == "Available"
    assert all_of(bundle, AzureSubscription)[0].state == "Enabled"
    assert all_of(bundle, PatchWindows)[0].windows == ()
    assert {each.name for each in all_of(bundle, Metric)} >= {"connectedclients", "serverLoad"}
    assert {each.found_in for each in all_of(bundle, ChangeSearch)} == {
        "activity-log",
        "deployment",
    }
    assert all_of(bundle, ResourceSearch)[0].found == (CACHE_ID,)
    assert gaps(bundle) == {}


def test_it_is_polite(papers: Papers, resolver: str) -> None:
    """A handful side by side, each thing asked for once, and nothing that changes anything."""
    slow = lambda asked: Reply(**{**vars(healthy(asked)), "delay_s": 0.05})  # noqa: E731
    with Scripted(papers, slow) as server:
        look(server, resolver)

    assert server.most_at_once <= 6
    assert server.connections <= 6
    paths = [(each.path.lower(), json.dumps(each.query), str(each.body)) for each in server.asked]
    assert len(paths) == len(set(paths))
    posts = {each.path for each in server.asked if each.method != "GET"}
    assert posts == {"/providers/Microsoft.ResourceGraph/resources"}
    assert len(paths) < 25


def test_without_a_sign_of_a_credential_nobody_is_asked(papers: Papers, resolver: str) -> None:
    """And that is said, with what would help."""
    with Scripted(papers, healthy) as server:
        environ = server.environ()
        del environ["REFUSED_ARM_TOKEN"]
        bundle = api.probe(HOST, resolver=resolver, environ=environ)

    assert server.asked == []
    assert gaps(bundle)["AzureCache"].why == "no credential for Azure is at hand"
    assert "az login" in gaps(bundle)["AzureCache"].how_to_see


def test_no_azure_asks_nobody_and_says_nothing(papers: Papers, resolver: str) -> None:
    """The user knows."""
    with Scripted(papers, healthy) as server:
        bundle = look(server, resolver, azure=False)

    assert (server.asked, gaps(bundle)) == ([], {})


def test_a_host_that_is_not_azures_is_asked_for_only_on_demand(
    papers: Papers, resolver: str
) -> None:
    """By --azure, or by a resource that is given."""
    with Scripted(papers, healthy) as server:
        look(server, resolver, "redis.example.com")
        assert server.asked == []
        asked = look(server, resolver, "redis.example.com", azure=True)
        assert gaps(asked)["ResourceSearch"].why == "the target's name leads to no cache of Azure's"
        given = look(server, resolver, "redis.example.com", resource=CACHE_ID)

    assert all_of(given, AzureCache)[0].id == CACHE_ID


def test_an_alias_of_a_name_of_azures_is_followed(papers: Papers) -> None:
    """With the resolver that was given, and no other."""

    def answer(asked: DnsAsked) -> list[bytes]:
        return [
            asked.reply(f"redis.example.com. 60 IN CNAME {HOST}.", f"{HOST}. 60 IN A 127.0.0.1")
        ]

    with Resolver(answer) as dns, Scripted(papers, healthy) as server:
        at = f"127.0.0.1:{dns.address[1]}"
        bundle = look(server, at, "redis.example.com:1", azure=True, timeout_s=3.0)

    assert all_of(bundle, AzureCache)[0].host == HOST


def test_a_name_of_another_cloud_is_not_searched_in_this_one(resolver: str) -> None:
    """No cloud knows another's caches; it is said how to ask the right one, and nothing is sent."""
    environ = {"REFUSED_ARM_TOKEN": TOKEN, "HTTPS_PROXY": "http://127.0.0.1:1"}
    bundle = api.probe("shop.redis.cache.usgovcloudapi.net", resolver=resolver, environ=environ)

    gap = gaps(bundle)["ResourceSearch"]
    assert gap.why == "the host name is one of Azure Government, and Azure would be asked"
    assert "az cloud set --name AzureUSGovernment" in gap.how_to_see
    assert set(gaps(bundle)) >= WANTED


def test_a_subscription_may_be_given_by_its_name(papers: Papers, resolver: str) -> None:
    """As az takes it; one that is not there is said."""

    def script(asked: Asked) -> Reply:
        if asked.path == "/subscriptions":
            return Reply({"value": [{"subscriptionId": SUBSCRIPTION, "displayName": "Our Shop"}]})
        return healthy(asked)

    with Scripted(papers, script) as server:
        found = look(server, resolver, subscription="our shop")
        posted = [each.body for each in server.asked if each.method == "POST"]
        missed = look(server, resolver, subscription="their shop")

    assert all_of(found, AzureCache)
    assert posted[0]["subscriptions"] == [SUBSCRIPTION]
    assert "bears the name given" in gaps(missed)["ResourceSearch"].why


def test_raw_answers_are_kept_on_demand_alone(papers: Papers, resolver: str) -> None:
    """Each with status and body."""
    with Scripted(papers, healthy) as server:
        assert all_of(look(server, resolver), ArmAnswer) == []
        raw = all_of(look(server, resolver, keeps_raw=True), ArmAnswer)

    assert CACHE_ID in {each.path for each in raw}
    assert all(each.status == 200 and each.body for each in raw)


# --- targets that only Azure can place --------------------------------------------------------------------


def test_a_resource_id_is_a_target(papers: Papers, resolver: str) -> None:
    """Its host and port come from Azure, and nothing is searched."""
    with Scripted(papers, healthy) as server:
        bundle = look(server, resolver, CACHE_ID)

    assert (bundle.target.host, bundle.target.port, bundle.target.tls) == (HOST, 6380, True)
    assert bundle.target.text == CACHE_ID
    assert all_of(bundle, AzureCache)
    assert all_of(bundle, ResourceSearch) == []
    assert server.count("resources") == 1  # the zones of private DNS


def test_a_resource_id_without_a_credential_is_one_clear_line(resolver: str) -> None:
    """It says what would be right."""
    with pytest.raises(BadTarget, match="no credential for Azure is at hand: log in with az login"):
        api.probe(CACHE_ID, resolver=resolver, environ={})


def test_a_denied_resource_id_still_leads_to_the_data_plane(papers: Papers, resolver: str) -> None:
    """The host name of an Azure Cache for Redis follows from its name, and that is said."""
    with Scripted(papers, lambda _: error(403, "AuthorizationFailed")) as server:
        bundle = look(server, resolver, CACHE_ID)

    assert bundle.target.host == HOST
    assert "follows from its name" in gaps(bundle)["the host name of the resource"].why
    assert set(gaps(bundle)) >= WANTED


def test_a_denied_managed_resource_id_is_one_clear_line(papers: Papers, resolver: str) -> None:
    """Its host name holds a region that nobody but Azure knows."""
    managed = CACHE_ID.replace("Redis/shop", "redisEnterprise/shop")
    with (
        Scripted(papers, lambda _: error(403, "AuthorizationFailed")) as server,
        pytest.raises(BadTarget, match="Azure did not say where shop is reached: denied"),
    ):
        look(server, resolver, managed)


def test_a_bare_name_that_azure_knows_is_a_target(papers: Papers, resolver: str) -> None:
    """It becomes the cache's host name."""
    with Scripted(papers, healthy) as server:
        bundle = look(server, resolver, "shop")

    assert (bundle.target.host, bundle.target.port) == (HOST, 6380)
    assert bundle.target.text == "shop"
    assert server.count("resources") == 2  # the cache, and the zones of private DNS


def test_a_bare_name_that_azure_does_not_know_stays_a_host(papers: Papers, resolver: str) -> None:
    """Unless Azure was asked for by name: then that is an error in one line."""
    with Scripted(papers, healthy) as server:
        bundle = look(server, resolver, "other")
        with pytest.raises(BadTarget, match="none of the caches that this credential sees"):
            look(server, resolver, "other", azure=True)

    assert bundle.target.host == "other"
    assert "AzureCache" in gaps(bundle)


def test_a_bare_name_without_a_credential_is_said_to_be_one(resolver: str) -> None:
    """The host of that name is looked at all the same."""
    bundle = api.probe("shop", resolver=resolver, environ={})

    assert "may be a cache's name" in gaps(bundle)["ResourceSearch"].why


# --- the plane misbehaves -----------------------------------------------------------------------------------

TROUBLES = {
    "denied": lambda _: error(403, "AuthorizationFailed"),
    "throttled": lambda _: error(429, "TooManyRequests", Retry_After="60"),
    "broken": lambda _: error(500, "InternalServerError"),
    "unavailable": lambda _: error(503, "ServiceUnavailable", Retry_After="60"),
    "cut": lambda _: Reply({"value": ["x" * 500]}, cut_at=40),
    "no JSON": lambda _: Reply(raw=b"{"),
    "a proxy's page": lambda _: Reply(raw=b"<p>", headers={"Content-Type": "text/html"}),
    "empty": lambda _: Reply(raw=b""),
    "nulls": lambda _: Reply({"value": None, "properties": None, "data": None}),
    "another shape": lambda _: Reply([1, 2, 3]),
    "slow": lambda _: Reply({}, delay_s=20),
    "dripping": lambda _: Reply({"value": "x" * 600}, drip_s=0.05),
    "refused": lambda _: error(401, "InvalidAuthenticationToken"),
    "teapot": lambda _: error(418, "Teapot"),
}


@pytest.mark.parametrize("by_id", [False, True], ids=["by name", "by id"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_plane_in_trouble_costs_only_what_it_would_have_said(
    papers: Papers, resolver: str, trouble: str, *, by_id: bool
) -> None:
    """The path is walked, nothing is called fine that was not seen, and the limit holds."""
    started = time.monotonic()
    with Scripted(papers, TROUBLES[trouble]) as server:
        resource = CACHE_ID if by_id else None
        bundle = look(server, resolver, resource=resource, timeout_s=1.5)
        took = time.monotonic() - started

    assert took < 1.5 + LATE_S
    assert seen_or_said(bundle) >= WANTED
    assert all_of(bundle, AzureCache) == []
    assert all(gap.why and gap.how_to_see for gap in gaps(bundle).values())
    assert "AzureCache" in gaps(bundle)
    report = api.judge(bundle)
    assert report.verdict == "fault"  # the name leads nowhere, and that was seen
    assert TOKEN not in report.to_json() + json.dumps(bundle.to_json())


@pytest.mark.parametrize("trouble", sorted(set(TROUBLES) - {"refused"}))
@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("/firewallrules", FirewallRules),
        ("/metrics", Metric),
        ("/values", ResourceChange),
        ("/current", ResourceHealth),
    ],
)
def test_one_read_in_trouble_costs_itself_alone(
    papers: Papers, resolver: str, trouble: str, end: str, kind: type
) -> None:
    """All the others are there, and what was not read is not taken for an empty list."""

    def script(asked: Asked) -> Reply:
        return TROUBLES[trouble](asked) if asked.path.lower().endswith(end) else healthy(asked)

    with Scripted(papers, script) as server:
        bundle = look(server, resolver, timeout_s=2.0)

    assert seen_or_said(bundle) >= WANTED
    assert all_of(bundle, AzureCache)
    assert all_of(bundle, AzureSubscription)
    assert all_of(bundle, kind) == []
    assert kind.__name__ in gaps(bundle)
    assert not [
        s
        for s in all_of(bundle, ChangeSearch)
        if kind is ResourceChange and s.found_in == "activity-log"
    ]


def test_a_plane_that_is_slow_does_not_hold_the_answer_up(papers: Papers, resolver: str) -> None:
    """What has come by the limit is there; the rest is said to have been too late."""

    def script(asked: Asked) -> Reply:
        reply = healthy(asked)
        reply.delay_s = 10.0 if asked.path.endswith("/metrics") else 0.0
        return reply

    started = time.monotonic()
    with Scripted(papers, script) as server:
        bundle = look(server, resolver, timeout_s=1.0)
        took = time.monotonic() - started

    assert took < 1.0 + LATE_S
    assert gaps(bundle)["Metric"].why in (
        "the time was up",
        "the answer had not come when the time was up",
    )
    assert all_of(bundle, AzureCache)


def test_a_list_that_is_not_whole_is_no_list(papers: Papers, resolver: str) -> None:
    """The rule that lets this client in may be on the page that was not read."""

    def script(asked: Asked) -> Reply:
        if asked.path.endswith("/firewallRules"):
            return Reply({"value": [], "nextLink": "https://elsewhere.example/"})
        return healthy(asked)

    with Scripted(papers, script) as server:
        bundle = look(server, resolver)

    assert all_of(bundle, FirewallRules) == []
    assert gaps(bundle)["FirewallRules"].why == "not all pages of the list could be read"


@pytest.mark.parametrize(
    ("end", "what"),
    [
        ("/privateEndpointConnections", "PrivateEndpointList"),
        ("/accessPolicyAssignments", "AccessAssignments"),
        ("/eventtypes/management/values", "ResourceChange"),
        ("/deployments", "deployments"),
        ("/events", "ServiceEvent"),
    ],
)
def test_what_stood_on_a_page_that_was_not_read_is_unseen(
    papers: Papers, resolver: str, end: str, what: str
) -> None:
    """Whoever is let in, what changed or where the endpoint is may stand there."""

    def script(asked: Asked) -> Reply:
        if asked.path.endswith(end):
            return Reply({"value": [], "nextLink": "https://elsewhere.example/"})
        if asked.path.lower().endswith("/redis/shop") and what == "PrivateEndpointList":
            return error(403, "AuthorizationFailed")
        return healthy(asked)

    with Scripted(papers, script) as server:
        bundle = look(server, resolver, deep=True, resource=CACHE_ID)

    assert gaps(bundle)[what].why == "not all pages of the list could be read"
    assert what not in {type(each).__name__ for each in bundle.facts}


def test_a_plane_in_the_open_is_refused_in_one_line(resolver: str) -> None:
    """Before anything is sent."""
    environ = {"REFUSED_ARM_ENDPOINT": "http://127.0.0.1:1", "REFUSED_ARM_TOKEN": TOKEN}
    with pytest.raises(BadEndpoint, match="asked by https alone"):
        api.probe(HOST, resolver=resolver, environ=environ)


def test_a_metric_that_the_resource_lacks_costs_no_other(papers: Papers, resolver: str) -> None:
    """Azure refuses the whole batch and names the valid ones: those are asked for."""

    def script(asked: Asked) -> Reply:
        names = asked.query.get("metricnames", "")
        if "cacheLatency" in names:
            said = (
                "Failed to find metric configuration … Valid metrics: connectedclients,serverLoad"
            )
            return Reply({"code": "BadRequest", "message": said}, 400)
        return healthy(asked)

    with Scripted(papers, script) as server:
        bundle = look(server, resolver)

    names = {each.name for each in all_of(bundle, Metric)}
    assert names == {"connectedclients", "serverLoad", "errors"}


def test_an_aggregation_that_a_metric_lacks_costs_nothing(papers: Papers, resolver: str) -> None:
    """Azure refuses the batch; without the wish each metric comes in its own aggregation."""

    def script(asked: Asked) -> Reply:
        if asked.path.endswith("/metrics") and "," in asked.query.get("aggregation", ""):
            return Reply({"code": "BadRequest", "message": "Requested aggregation: Total"}, 400)
        return healthy(asked)

    with Scripted(papers, script) as server:
        bundle = look(server, resolver)

    assert {each.name for each in all_of(bundle, Metric)} >= {"connectedclients", "serverLoad"}
    assert "Metric" not in gaps(bundle)


@pytest.mark.parametrize("is_all", [True, False])
def test_a_metric_that_azure_failed_to_read_is_unseen(
    papers: Papers, resolver: str, *, is_all: bool
) -> None:
    """Its series is empty for another reason than that nothing happened."""

    def script(asked: Asked) -> Reply:
        reply = healthy(asked)
        if asked.path.endswith("/metrics"):
            for each in reply.body["value"]:
                if is_all or each["name"]["value"] == "serverLoad":
                    each.update(timeseries=[], errorCode="Timeout")
        return reply

    with Scripted(papers, script) as server:
        bundle = look(server, resolver)

    missing = gaps(bundle)["Metric" if is_all else "the metric serverLoad"]
    assert missing.why == "Azure could not read it (Timeout)"
    assert "serverLoad" not in {each.name for each in all_of(bundle, Metric)}
    assert ("Metric" in gaps(bundle)) is is_all


def test_connections_that_may_not_be_listed_are_read_from_the_cache(
    papers: Papers, resolver: str
) -> None:
    """The resource repeats them; the endpoint that may not be read is said to be unseen."""
    connection = {
        "id": f"{CACHE_ID}/privateEndpointConnections/pe.1",
        "properties": {
            "privateEndpoint": {"id": "/subscriptions/x/resourceGroups/y/providers/Microsoft.Network/privateEndpoints/pe"},
            "privateLinkServiceConnectionState": {"status": "Rejected", "description": "no"},
        },
    }  # fmt: skip

    def script(asked: Asked) -> Reply:
        path = asked.path.lower()
        if path.endswith("/privateendpointconnections") or "/privateendpoints/" in path:
            return error(403, "AuthorizationFailed")
        if path.endswith("/redis/shop"):
            return Reply(cache(privateEndpointConnections=[connection]))
        return healthy(asked)

    with Scripted(papers, script) as server:
        bundle = look(server, resolver)

    (made,) = all_of(bundle, PrivateEndpoint)
    assert (made.state, made.endpoint_seen, made.addresses) == ("Rejected", False, ())
    assert "Microsoft.Network/privateEndpoints/read" in gaps(bundle)["PrivateEndpoint"].how_to_see


def test_events_and_changes_that_concern_others_are_left_out(papers: Papers, resolver: str) -> None:
    """Another cache's changes and another region's outage explain nothing here."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))

    def change(resource: str, operation: str, status: str = "Succeeded") -> dict[str, Any]:
        return {
            "eventTimestamp": now,
            "resourceId": resource,
            "operationName": {"value": operation},
            "status": {"value": status},
            "caller": "anna@contoso.example",
            "correlationId": "c1",
            "httpRequest": {"clientIpAddress": "198.51.100.9"},
        }

    def event(name: str, service: str, region: str) -> dict[str, Any]:
        impact = [{"impactedService": service, "impactedRegions": [{"impactedRegion": region}]}]
        properties = {"eventType": "ServiceIssue", "status": "Active", "impact": impact}
        return {"name": name, "properties": properties}

    def script(asked: Asked) -> Reply:
        if asked.path.endswith("/values"):
            rule = f"{CACHE_ID}/firewallRules/app"
            other = CACHE_ID + "2"
            return Reply(
                {
                    "value": [
                        change(rule, "Microsoft.Cache/redis/firewallRules/delete", "Started"),
                        change(rule, "Microsoft.Cache/redis/firewallRules/delete"),
                        change(other, "Microsoft.Cache/redis/write"),
                        change("/x/y", "Microsoft.Network/virtualNetworks/write"),
                        change("/x/z", "Microsoft.Storage/storageAccounts/write"),
                    ]
                }
            )
        if asked.path.endswith("/events"):
            return Reply(
                {
                    "value": [
                        event("mine", "Azure Cache for Redis", "West Europe"),
                        event("global", "Network Infrastructure", "Global"),
                        event("far", "Azure Cache for Redis", "East US"),
                        event("other", "Virtual Machines", "West Europe"),
                    ]
                }
            )
        return healthy(asked)

    with Scripted(papers, script) as server:
        bundle = look(server, resolver)

    changes = all_of(bundle, ResourceChange)
    assert [(each.operation, each.status) for each in changes] == [
        ("Microsoft.Cache/redis/firewallRules/delete", "Succeeded"),
        ("Microsoft.Network/virtualNetworks/write", "Succeeded"),
    ]
    assert (changes[0].caller, changes[0].client_ip) == ("anna@contoso.example", "198.51.100.9")
    assert {each.tracking_id for each in all_of(bundle, ServiceEvent)} == {"mine", "global"}


# --- the client, and what the user adds ----------------------------------------------------------------------


def test_the_address_of_the_client_is_asked_for_where_nobody_gave_it(
    papers: Papers, resolver: str
) -> None:
    """It is unseen, never guessed."""
    with Scripted(papers, healthy) as server:
        bundle = look(server, resolver)
        given = look(server, resolver, client_ip="203.0.113.7")
        with pytest.raises(BadAddress):
            look(server, resolver, client_ip="my-laptop")

    gap = next(f for f in bundle.facts if isinstance(f, Unseen) and f.what == "ClientAddress")
    assert "--client-ip" in gap.how_to_see
    assert [each.address for each in all_of(given, ClientAddress)] == ["203.0.113.7"]


def test_the_machine_it_runs_on_leads_to_its_subnet(papers: Papers, resolver: str) -> None:
    """By its metadata: its own interface, not one that bears the same address somewhere else."""
    machine = (
        f"{CACHE_ID.partition('/providers/')[0]}/providers/Microsoft.Compute/virtualMachines/app"
    )
    network = machine.replace("Microsoft.Compute/virtualMachines/app", "Microsoft.Network")
    subnet = f"{network}/virtualNetworks/app/subnets/clients"
    group = f"{network}/networkSecurityGroups/on-the-interface"

    def interface(name: str, owner: str) -> dict[str, Any]:
        config = {"properties": {"privateIPAddress": "10.1.1.20", "subnet": {"id": subnet}}}
        properties = {
            "virtualMachine": {"id": owner},
            "ipConfigurations": [config],
            "networkSecurityGroup": {"id": group},
        }
        return {"id": f"{network}/networkInterfaces/{name}", "properties": properties}

    def script(asked: Asked) -> Reply:
        if asked.path.endswith("/metadata/instance"):
            assert asked.headers["metadata"] == "true"
            return Reply({"compute": {"resourceId": machine}})
        if asked.path.endswith("/resources") and "networkinterfaces" in asked.body["query"]:
            return Reply({"data": [interface("mine", machine.upper()), interface("other", "/x")]})
        if asked.path.endswith("/virtualNetworks/app"):
            inside = {"addressPrefix": "10.1.1.0/24"}
            listed = [{"id": subnet, "properties": inside}]
            return Reply({"id": asked.path, "properties": {"subnets": listed}})
        if asked.path == group:
            return Reply({"id": group, "properties": {"securityRules": []}})
        return healthy(asked)

    with Scripted(papers, script) as server:
        bundle = look(server, resolver, environ={"AZURE_POD_IDENTITY_AUTHORITY_HOST": server.url})

    assert [(each.role, each.id) for each in all_of(bundle, AzureSubnet)] == [("client", subnet)]
    assert [(each.id, each.subnet_id) for each in all_of(bundle, NetworkSecurityGroup)] == [
        (group, subnet)
    ]


def test_an_echo_service_is_asked_where_one_is_named(papers: Papers, resolver: str) -> None:
    """And its answer counts for this place alone."""

    def script(asked: Asked) -> Reply:
        return Reply({"ip": "203.0.113.9"}) if asked.path == "/ip" else healthy(asked)

    with Scripted(papers, script) as server:
        bundle = look(server, resolver, echo=f"{server.url}/ip")

    (found,) = all_of(bundle, ClientAddress)
    assert (found.address, found.how, found.vantage) == ("203.0.113.9", "echo", "here")


def test_a_geo_replicated_cache_is_read_with_its_partners(papers: Papers, resolver: str) -> None:
    """Roles, the name that follows the primary, and the metrics of the link."""
    partner = CACHE_ID + "2"
    link = {
        "id": f"{CACHE_ID}/linkedServers/shop2",
        "properties": {
            "linkedRedisCacheId": partner,
            "serverRole": "Primary",
            "provisioningState": "Succeeded",
            "geoReplicatedPrimaryHostName": "shop.geo.redis.cache.windows.net",
        },
    }

    def script(asked: Asked) -> Reply:
        if asked.path.lower().endswith("/redis/shop"):
            return Reply(cache(linkedServers=[{"id": partner}]))
        if asked.path.endswith("/linkedServers"):
            return Reply({"value": [link]})
        return healthy(asked)

    with Scripted(papers, script) as server:
        bundle = look(server, resolver)

    (found,) = all_of(bundle, AzureCache)
    (made,) = found.linked_servers
    assert (made.id, made.role, made.geo_primary_host) == (
        partner,
        "Primary",
        "shop.geo.redis.cache.windows.net",
    )
    assert "GeoReplicationHealthy" in {each.name for each in all_of(bundle, Metric)}


def test_what_the_user_adds_counts_without_azure_too(resolver: str, tmp_path: Any) -> None:
    """The address and the history need no control plane."""
    (tmp_path / "changes.jsonl").write_text(json.dumps({"when": time.time() - 60, "what": "x"}))
    bundle = api.probe(
        HOST,
        resolver=resolver,
        azure=False,
        client_ip="203.0.113.7",
        changes=str(tmp_path / "changes.jsonl"),
    )

    assert all_of(bundle, ClientAddress)[0].how == "given"
    assert [each.found_in for each in all_of(bundle, ResourceChange)] == ["own"]


# --- the twin -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Bring the default world up."""
    with worlds.default(World()) as up:
        yield up


def at_twin(world: World, target: str | None = None, **options: Any) -> Bundle:
    """Look at the twin with the environment that it prints."""
    environ = {**world.environment(), **options.pop("environ", {})}
    options.setdefault("client_ip", world.client_ip)
    return api.probe(
        target or world.target,
        vantages=tuple(world.vantages.values()),
        resolver=world.resolver,
        ca_file=world.ca_file,
        root=world.host_root,
        environ=environ,
        **options,
    )


def test_the_twin_is_read_whole(world: World) -> None:
    """Both services, with everything around them, and nothing unseen."""
    for name in ("contoso", "fabrikam"):
        bundle = at_twin(world, name)

        assert gaps(bundle) == {}
        (endpoint,) = all_of(bundle, PrivateEndpoint)
        (zone,) = all_of(bundle, PrivateDnsZone)
        assert endpoint.endpoint_seen
        assert endpoint.state == "Approved"
        assert zone.addresses == endpoint.addresses
        assert zone.id in endpoint.zone_ids
        assert zone.links
        assert all_of(bundle, PrivateDnsZoneList)[0].ids == (zone.id,)
        assert all_of(bundle, AzureSubnet)[0].role == "endpoint"
        assert all_of(bundle, Metric)
        (found,) = all_of(bundle, AzureCache)
        assert found.service == ("acr" if name == "contoso" else "amr")
        assert bool(all_of(bundle, FirewallRules)) is (name == "contoso")


def test_the_clients_own_subnet_is_read(world: World) -> None:
    """Given by its id, with rules, default ones among them, and routes."""
    group = world.resource.partition("/providers/")[0]
    subnet = f"{group}/providers/Microsoft.Network/virtualNetworks/app-vnet/subnets/clients"
    bundle = at_twin(world, client_subnet=subnet)

    mine = [each for each in all_of(bundle, NetworkSecurityGroup) if each.role == "client"]
    assert {rule.name for rule in mine[0].rules} >= {"AllowRedisOutbound", "DenyAllOutBound"}
    assert mine[0].subnet_prefixes == ("10.1.1.0/24",)
    assert [each.routes[0].next_hop for each in all_of(bundle, RouteTable)] == ["Internet"]


def test_a_private_address_of_the_client_leads_to_its_subnet(world: World) -> None:
    """The one interface that bears it."""
    bundle = at_twin(world, client_ip="10.1.1.20")

    subnets = {each.role: each.id for each in all_of(bundle, AzureSubnet)}
    assert subnets["client"].endswith("/app-vnet/subnets/clients")


def test_the_clients_key_is_compared_where_it_was_refused(world: World) -> None:
    """Not before, and no key is part of the evidence."""
    well = at_twin(world)
    wrong = at_twin(world, world.target.replace("password=", "password=x"))
    thorough = at_twin(world, deep=True, keeps_raw=True)

    assert all_of(well, AccessKeys) == []
    assert [each.matches for each in all_of(wrong, AccessKeys)] == ["none"]
    assert [each.matches for each in all_of(thorough, AccessKeys)] == ["primary"]
    keys = [key for pair in world.arm.secrets.values() for key in pair.values()]
    assert keys
    for bundle in (well, wrong, thorough):
        said = json.dumps(bundle.to_json()) + api.judge(bundle).to_json()
        assert not [key for key in keys if key in said]
        assert world.arm_token not in said


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("Microsoft.Cache/redis/read", "AzureCache"),
        ("Microsoft.Cache/redis/firewallRules/read", "FirewallRules"),
        ("Microsoft.Network/privateEndpoints/read", "PrivateEndpoint"),
        ("Microsoft.Network/privateDnsZones/*/read", "PrivateDnsZone"),
        ("Microsoft.Insights/metrics/read", "Metric"),
        ("Microsoft.Insights/eventtypes/values/read", "ResourceChange"),
        ("Microsoft.ResourceHealth/availabilityStatuses/read", "ResourceHealth"),
    ],
)
def test_what_the_role_may_not_read_is_unseen_with_the_action(
    world: World, action: str, kind: str
) -> None:
    """So that it can be asked for."""
    world.arm.denied = [action]
    try:
        bundle = at_twin(world, resource=world.resource)
    finally:
        world.arm.denied = []

    gap = gaps(bundle)[kind]
    assert gap.why.startswith("denied (403")
    assert action.split("/")[1].lower() in gap.how_to_see.lower()
    assert api.judge(bundle).verdict == "healthy"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("throttle", times=4),
        Fault("page", size=1),
        Fault("drop", path="*/firewallrules", times=1),
        Fault("error", times=2, status=503),
    ],
    ids=lambda fault: fault.kind,
)
def test_passing_trouble_of_the_twin_costs_nothing(world: World, fault: Fault) -> None:
    """Waited for, tried again, or followed page by page."""
    world.arm.faults = [fault]
    try:
        bundle = at_twin(world, timeout_s=10)
    finally:
        world.arm.faults = []

    assert gaps(bundle) == {}
    assert {rule.name for rule in all_of(bundle, FirewallRules)[0].rules} == {"app", "office"}
    assert fault.struck > 0


def test_links_that_may_not_be_read_are_not_taken_for_none(world: World) -> None:
    """The zone is known, and that its links are not."""
    world.arm.denied = ["Microsoft.Network/privateDnsZones/virtualNetworkLinks/read"]
    try:
        bundle = at_twin(world)
    finally:
        world.arm.denied = []

    (zone,) = all_of(bundle, PrivateDnsZone)
    assert (zone.links, zone.links_seen) == ((), False)
    assert zone.addresses
    gap = gaps(bundle)["links of the private DNS zone"]
    assert "Microsoft.Network/privateDnsZones/virtualNetworkLinks/read" in gap.how_to_see


def test_a_subscription_that_is_given_is_searched_alone(world: World) -> None:
    """And one that holds nothing finds nothing."""
    bundle = at_twin(world, subscription=SUBSCRIPTION)

    assert all_of(bundle, AzureCache) == []
    assert "AzureCache" in gaps(bundle)
