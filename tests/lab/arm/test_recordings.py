"""Recorded exchanges with the real service, asked of the twin again.

What a client sent goes to the twin in the same order; statuses, headers and the names of all fields
have to be those that were recorded. What differs on purpose is listed here, with the reason.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.lab.arm.plane import Plane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CASSETTES = (
    "aso__Test_Insights_MetricAlert_CRUD",
    "aso__Test_Networking_PrivateEndpoint_CRUD",
    "azcli-monitor__test_metric_alert_single_scope",
    "azcli-monitor__test_monitor_action_group_basic_scenario",
    "azcli-monitor__test_monitor_create_default_activity_log_alert",
    "azcli-network__test_network_nsg",
    "azcli-network__test_network_private_endpoint_asg",
    "azcli-network__test_network_private_endpoint_private_dns_zone_group",
    "azcli-network__test_network_route_table_operation",
    "azcli-network__test_network_subnet_delegation",
    "azcli-network__test_network_vnet_with_subnet_nsg",
    "azcli-network__test_private_endpoint_connection_acfr",
    "azcli-network__test_subnet_with_private_endpoint_and_private_link_options",
    "azcli-privatedns__test_CrudRecordSet_ARecord_ExpectCrudSuccessful",
    "azcli-privatedns__test_GetLink_LinkExists_ExpectLinkRetrieved",
    "azcli-privatedns__test_GetLink_LinkNotExists_ExpectError",
    "azcli-privatedns__test_ListLinks_MultipleLinksPresent_ExpectMultipleLinksRetrieved",
    (
        "azcli-privatedns__test_ListLinks_PrivateLinkZone_MultipleLinksPresent_ExpectMultipleLinks"
        "WithResolutionPolicyRetrieved"
    ),
    (
        "azcli-privatedns__test_ListRecordSetsByType_MultipleRecordSetsPresent_ExpectMultipleRecord"
        "SetsRetrieved"
    ),
    (
        "azcli-privatedns__test_ListZonesInResourceGroup_MultipleZonesPresent_ExpectMultipleZones"
        "Retrieved"
    ),
)

# Not part of the twin: polls bear ids of their own, and what is listed here it has not.
ELSEWHERE = re.compile(
    r"/operations/|operationresults|operationstatuses|availabledelegations|/subscribe"
    r"|applicationgateways|privatelinkservices|/microsoft\.compute/|/microsoft\.storage/"
    r"|/microsoft\.cache/|diagnosticsettings|/(networkinterfaces|publicipaddresses)/clitest-vm"
    r"|^/subscriptions/[^/]+/providers/microsoft\.network/[a-z]+$",  # other people's as well
    re.IGNORECASE,
)
HEADERS = ("azure-asyncoperation", "location", "etag")
# Fields that not every recording of one api-version has, or that belong to other services.
OPTIONAL = re.compile(
    r"ipamPoolPrefixAllocations|delegations\[\]\.properties\.actions|internalDomainNameSuffix"
    r"|macAddress|vnetEncryptionSupported|allowPort25Out|auxiliaryMode|defaultOutboundAccess"
    r"|privateEndpointVNetPolicies|serviceEndpoints|^(\.value\[\])?\.identity$"
)


def fields(value: Any, stem: str = "") -> Iterator[str]:
    """Yield the paths of all fields that hold something."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from fields(each, f"{stem}.{name}")
    elif isinstance(value, list) and value:
        for each in value:
            yield from fields(each, f"{stem}[]")
    elif value != [] and not OPTIONAL.search(stem):
        yield stem


def prepare(plane: Plane, exchange: dict[str, Any]) -> None:
    """Let there be the subscription, the group and the resource that an endpoint leads to."""
    path = urlsplit(exchange["url"]).path
    match = re.match(r"(/subscriptions/[^/]+)(/resourcegroups/[^/]+)?", path, re.IGNORECASE)
    if match is None:
        return
    for where in (match[1], match[0]):
        if plane.state.get(where) is None:
            name = where.rpartition("/")[2]
            document: dict[str, Any] = {
                "id": where,
                "name": name,
                "location": "westus",
                "properties": {},
            }
            plane.state.put(where, document, quiet=True)
    for target in re.findall(r'"privateLinkServiceId": "([^"]+)"', json.dumps(exchange)):
        name = target.rpartition("/")[2]
        suffix = "blob.core.windows.net" if "Storage" in target else "redis.cache.windows.net"
        said = {"hostName": f"{name}.{suffix}", "publicNetworkAccess": "Enabled"}
        if plane.state.get(target) is None:
            plane.state.put(target, {"id": target, "name": name, "properties": said}, quiet=True)


def differences(exchange: dict[str, Any], plane: Plane) -> Iterator[str]:
    """Ask the twin the same, and yield in what its answer is another one."""
    split = urlsplit(exchange["url"])
    said = plane.follow(
        exchange["method"], f"{split.path}?{split.query}", exchange.get("request_body")
    )
    what = f"{exchange['method']} {split.path[50:]}"
    if said.status != exchange["status"]:
        yield f"{what}: {said.status} instead of {exchange['status']}: {said.body}"
        return
    recorded = {each for each in HEADERS if each in exchange["headers"]}
    told = {each for each in HEADERS if each in said.headers}
    if recorded != told:
        yield f"{what}: headers {sorted(told)} instead of {sorted(recorded)}"
    before, now = set(fields(exchange["response_body"])), set(fields(said.body))
    if before != now:
        yield f"{what}: lacks {sorted(before - now)[:6]}, has besides {sorted(now - before)[:6]}"


@pytest.mark.shared
@pytest.mark.parametrize("name", CASSETTES)
def test_the_twin_answers_as_the_service_did(name: str, tmp_path: Path, shared: Path) -> None:
    """Every exchange of a cassette that the twin has an operation for."""
    cassette = shared / "azure-contract" / "recordings" / f"{name}.jsonl"
    wrong: list[str] = []
    asked = 0
    renamed: dict[str, str] = {}
    with Plane(tmp_path) as plane:
        plane.state.subscription = "00000000-0000-0000-0000-000000000000"
        for line in cassette.read_text(encoding="utf-8").splitlines():
            for before, now in renamed.items():
                line = line.replace(before, now)  # noqa: PLW2901  # the interface got another id
            exchange = json.loads(line)
            path = urlsplit(exchange["url"]).path
            if "/providers/" not in path or ELSEWHERE.search(path):
                continue
            if "ResourceGroupNotFound" in line:
                break  # the test has cleaned up
            prepare(plane, exchange)
            wrong += differences(exchange, plane)
            asked += 1
            if re.search(r"/privateEndpoints/[^/]+$", path) and exchange["status"] < 300:
                renamed |= _renamed(plane, exchange)

    assert wrong == []
    assert asked > 1


def _renamed(plane: Plane, exchange: dict[str, Any]) -> dict[str, str]:
    """Return what the endpoint's interface was called and is called now."""
    endpoint = plane.state.get(urlsplit(exchange["url"]).path) or {}
    recorded = (exchange["response_body"] or {}).get("properties", {}).get("networkInterfaces", ())
    mine = endpoint.get("properties", {}).get("networkInterfaces", ())
    return {
        before["id"].rpartition("/")[2]: now["id"].rpartition("/")[2]
        for before, now in zip(recorded, mine, strict=False)
    }
