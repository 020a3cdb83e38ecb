"""Which reads are made of one cache, in which order, each with what it means if it fails.

First everything that its id alone leads to, side by side; then what those answers lead to: the
endpoints behind the connections, the zones of the endpoints, the rules and routes of their subnets.
Only what the service has is asked for, and only what can matter given what the resource says.
"""

from __future__ import annotations

import threading
import time

from refused.evidence.control_plane import (
    CONTROL_PLANE,
    AccessKeys,
    ChangeSearch,
    PrivateDnsZoneList,
    PrivateEndpointList,
)
from refused.evidence.observations import Unseen
from refused.probes.azure import cache as caches
from refused.probes.azure import monitor, network
from refused.probes.azure.find import graph, subscriptions
from refused.probes.azure.ways import dig, iso, items, part_of, same, text
from refused.service.arm import api_version, geo_metrics_of, metrics_of, split_metrics_of
from refused.service.clouds import older_zone, service_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from refused.evidence.bundle import Fact
    from refused.evidence.control_plane import AzureCache, NetworkRole, PrivateEndpoint
    from refused.evidence.redaction import Secret
    from refused.probes.azure.client import Answer, Plane
    from refused.probes.azure.crew import Crew

    Found = TypeVar("Found")

METRICS_S = 3600.0
CHANGES_S = 24 * 3600.0
# Azure Monitor keeps a minute's value for some minutes before it shows it.
MOST_ENDPOINTS = 10
MOST_ZONES = 8
MOST_LOG_GROUPS = 6


class Book:
    """Where facts go; several threads write, and what comes after it was closed is too late."""

    def __init__(self) -> None:
        self._facts: list[Fact] = []
        self._lock = threading.Lock()
        self._closed = False

    def write(self, *facts: Fact | None) -> None:
        """Add facts, skipping what is ``None``."""
        with self._lock:
            if not self._closed:
                self._facts += [fact for fact in facts if fact is not None]

    def holds(self, kind: str) -> bool:
        """Whether there is a fact of *kind*, or a reason why there is none."""
        with self._lock:
            return any(
                type(fact).__name__ == kind or (isinstance(fact, Unseen) and fact.what == kind)
                for fact in self._facts
            )

    def read(self) -> tuple[Fact, ...]:
        """Return what is there by now."""
        with self._lock:
            return tuple(self._facts)

    def close(self) -> tuple[Fact, ...]:
        """Return everything, and take no more."""
        with self._lock:
            self._closed = True
            return tuple(self._facts)


class Memory:
    """Answers that several reads lead to, each asked for once; whoever comes second waits for it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[threading.Event, list[Any]]] = {}
        self._lock = threading.Lock()

    def once(self, key: str, ask: Callable[[], Found]) -> Found:
        """Return what *ask* returned to the first who came with *key*."""
        with self._lock:
            is_first = key.lower() not in self._known
            come, found = self._known.setdefault(key.lower(), (threading.Event(), []))
        if is_first:
            try:
                found.append(ask())
            finally:
                come.set()
        else:
            come.wait()
        # Whoever was first may have failed; then everybody asks for themselves.
        answer: Found = found[0] if found else ask()
        return answer


class Reader:
    """Reads everything about one cache.

    Args:
        host: The host name that the client uses, where it is known by now.
        is_thorough: Whether to read what matters only to a login with Entra ID, too.
        begun: The moment around which changes and metrics are looked for, seconds since 1970.
        memory: What is asked for once, though several caches lead to it.
    """

    def __init__(
        self,
        plane: Plane,
        crew: Crew,
        book: Book,
        cache_id: str,
        *,
        host: str = "",
        is_thorough: bool = False,
        begun: float | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.memory = memory or Memory()
        self.plane, self.crew, self.book = plane, crew, book
        self.id = cache_id.rstrip("/")
        self.host = host.lower().rstrip(".")
        self.service = caches.service_of_id(self.id)
        self.subscription = part_of(self.id, "subscriptions")
        self.group = part_of(self.id, "resourceGroups")
        self.is_thorough = is_thorough
        self.begun = time.time() if begun is None else begun
        self.cache: AzureCache | None = None
        self._body: Answer | None = None
        self._database: Answer | None = None
        self._have_read = threading.Event()
        self._lock = threading.Lock()
        self._claimed: set[tuple[str, ...]] = set()

    def begin(self) -> None:
        """Begin to read; the crew does the rest."""
        add = self.crew.add
        add("AzureCache", self._read_cache)
        if self.service == "acr":
            add("FirewallRules", self._read_rules)
        else:
            add("AzureCache", self._read_database)
        add("PrivateEndpointList", self._read_connections)
        add("Metric", self._read_metrics)
        self._read_log_of(self.subscription, self.group)
        add("ResourceHealth", self._read_health)
        add("AzureSubscription", self._read_subscription)
        if self.service == "acr":
            add("PatchWindows", self._read_windows)
            add("ScheduledMaintenance", self._read_upgrades)
        add("deployments", self._read_deployments)
        if self.is_thorough:
            add("AccessAssignments", self._read_assignments)

    def compare_key(self, given: Secret) -> None:
        """Say which of the cache's keys the client's is."""
        self.crew.add("AccessKeys", self._read_keys, given)

    def read_client_subnet(self, subnet_id: str) -> None:
        """Read the rules and routes that guard the client's own subnet."""
        self._read_subnet_of(subnet_id, "client")

    def read_client_interface(self, interface: Any) -> None:
        """Read what guards a network interface of the client's, and its subnets."""
        subnets, group_id = network.subnets_of_interface(interface)
        for subnet_id in subnets:
            self._read_subnet_of(subnet_id, "client")
            if group_id is not None:
                self.crew.add(
                    "NetworkSecurityGroup", self._read_group, group_id, "client", subnet_id, ()
                )

    def close(self) -> None:
        """Write down what is known of the cache by now, though a part of it is still missing."""
        with self._lock:
            unfinished = self.cache is None and self._body is not None and self._body.ok
        if unfinished and self._body is not None:
            self.book.write(caches.cache_of(self._body.body, self._body.stamp()))

    # --- asking --------------------------------------------------------------------------------

    def _once(self, path: str, kind: str) -> Answer:
        """Ask for something that several others lead to; it is asked for once."""
        return self.memory.once(path, lambda: self.plane.ask(path, api_version(kind)))

    def _list_once(self, path: str, kind: str, query: Mapping[str, str] | None = None) -> Answer:
        """Ask for a list that several caches share; it is asked for once."""
        key = f"{path}?{sorted((query or {}).items())}"
        return self.memory.once(key, lambda: self.plane.ask_all(path, api_version(kind), query))

    def _claim(self, *key: str) -> bool:
        """Whether nobody has taken this on before; it counts as taken from now on."""
        name = tuple(part.lower() for part in key)
        with self._lock:
            if name in self._claimed:
                return False
            self._claimed.add(name)
            return True

    def _type(self) -> str:
        return (
            "Microsoft.Cache/redis" if self.service == "acr" else "Microsoft.Cache/redisEnterprise"
        )

    def _below(self, name: str, *, listed: bool = True) -> Answer:
        ask = self.plane.ask_all if listed else self.plane.ask
        return ask(f"{self.id}/{name}", api_version(self._type()))

    # --- the cache itself ------------------------------------------------------------------------

    def _read_cache(self) -> None:
        answer = self.plane.ask(self.id, api_version(self._type()))
        with self._lock:
            self._body = answer
        self._have_read.set()
        self._publish()
        if not answer.ok:
            self.book.write(answer.unseen("AzureCache"))
        location = text(answer.body, "location") or "" if answer.ok else ""
        host = text(answer.body, "properties", "hostName") if answer.ok else None
        self.crew.add("ServiceEvent", self._read_events, location)
        self.crew.add("PrivateDnsZoneList", self._read_zones_by_name, self.host or host or "")
        if answer.is_missing:
            self.crew.add("ResourceChange", self._read_deletion)
        if not answer.ok:
            return
        inside = dig(answer.body, "properties")
        subnet_id = text(inside, "subnetId")
        if subnet_id:
            self._read_subnet_of(subnet_id, "cache")
        if self.service != "acr":
            self.book.write(caches.managed_windows_of(answer.body, self.id, answer.stamp()))
        elif items(inside, "linkedServers"):
            self.crew.add("linked servers", self._read_partners)

    def _read_database(self) -> None:
        answer = self._below("databases")
        databases = items(answer.body, "value") if answer.ok else []
        if answer.ok and not databases:
            answer.why = "the cluster has no database"
            answer.how = "create the database; a cluster alone answers nobody"
        if not answer.ok:
            self.book.write(answer.unseen("the database of the cache"))
        with self._lock:
            self._database = answer
        self._publish()

    def _publish(self) -> None:
        """Write the cache down once all that it is made of has come."""
        with self._lock:
            body, database = self._body, self._database
            if body is None or (self.service != "acr" and database is None):
                return
            if self.cache is not None or not body.ok:
                return
            base = None
            if database is not None and database.ok:
                found = items(database.body, "value")
                base = next((each for each in found if same(text(each, "name"), "default")), None)
                base = base or (found[0] if found else None)
            self.cache = caches.cache_of(body.body, body.stamp(), base)
        if self.cache is not None and self.cache.linked_servers:
            wanted = dict(geo_metrics_of(self.service))  # type: ignore[arg-type]
            self.crew.add("Metric", self._ask_metrics, wanted, {})
        if self.cache is None:
            body.why, body.how = "the answer is not a cache's", "look at the id of the resource"
            self.book.write(body.unseen("AzureCache"))
        elif not self.cache.linked_servers or self.service != "acr":
            self.book.write(self.cache)

    def _read_partners(self) -> None:
        answer = self._below("linkedServers")
        cache = self.cache
        if cache is None:
            return
        if not answer.ok:
            self.book.write(cache, answer.unseen("linked servers"))
            return
        self.book.write(caches.with_partners(cache, answer.body), _rest(answer, "linked servers"))

    def _read_rules(self) -> None:
        answer = self._below("firewallRules")
        if answer.ok and answer.is_whole:
            self.book.write(caches.rules_of(answer.body, self.id, answer.stamp()))
        else:
            self.book.write(_whole(answer).unseen("FirewallRules"))

    def _read_windows(self) -> None:
        answer = self._below("patchSchedules")
        # Azure answers 404 where none was ever set, and where there is no such cache.
        if answer.ok or (answer.is_missing and self._is_there()):
            body = answer.body if answer.ok else {"value": []}
            self.book.write(caches.windows_of(body, self.id, answer.stamp()))
        else:
            self.book.write(answer.unseen("PatchWindows"))

    def _is_there(self) -> bool:
        """Whether the cache itself was read; waits until that is known."""
        self._have_read.wait(self.plane.deadline.left())
        return self._body is not None and self._body.ok

    def _read_upgrades(self) -> None:
        answer = self.plane.ask(
            f"{self.id}/listUpgradeNotifications", api_version(self._type()), {"history": "5000"}
        )
        if answer.ok:
            self.book.write(*caches.upgrades_of(answer.body, self.id, answer.stamp()))
        elif not answer.is_missing:
            self.book.write(answer.unseen("ScheduledMaintenance"))

    def _read_assignments(self) -> None:
        below = "" if self.service == "acr" else "databases/default/"
        answer = self._below(f"{below}accessPolicyAssignments")
        if answer.ok and answer.is_whole:
            self.book.write(caches.assignments_of(answer.body, self.id, answer.stamp()))
        else:
            self.book.write(_whole(answer).unseen("AccessAssignments"))

    def _read_keys(self, given: Secret) -> None:
        below = "" if self.service == "acr" else "databases/default/"
        answer = self.plane.ask(
            f"{self.id}/{below}listKeys", api_version(self._type()), post={}, is_secret=True
        )
        if not answer.ok:
            self.book.write(answer.unseen("AccessKeys"))
            return
        matches = caches.key_that_matches(answer.body, given.reveal())
        answer.body = None
        self.book.write(AccessKeys(**answer.stamp(), resource_id=self.id, matches=matches))

    def _read_subscription(self) -> None:
        path = f"/subscriptions/{self.subscription}"
        answer = self._once(path, "Microsoft.Resources/subscriptions")
        found = caches.subscription_of(answer.body, answer.stamp()) if answer.ok else None
        self.book.write(found or _no_answer(answer).unseen("AzureSubscription"))

    # --- private endpoints and their zones ---------------------------------------------------------

    def _read_connections(self) -> None:
        answer = self._below("privateEndpointConnections")
        if not (answer.ok and answer.is_whole):
            # The cache's own resource repeats them.
            if not self._is_there() or self._body is None:
                self.book.write(_whole(answer).unseen("PrivateEndpointList"))
                return
            answer = self._body
        stamp = answer.stamp()
        found = [
            each
            for each in (
                network.endpoint_of(connection, self.id, stamp)
                for connection in network.connections_of(answer.body)
            )
            if each is not None
        ]
        self.book.write(PrivateEndpointList(**stamp, resource_id=self.id, count=len(found)))
        # The ones that carry traffic first, where there are more than we read.
        found.sort(key=lambda each: not same(each.state, "Approved"))
        for each in found[:MOST_ENDPOINTS]:
            self.crew.add("PrivateEndpoint", self._read_endpoint, each)
        if len(found) > MOST_ENDPOINTS:
            self.book.write(*found[MOST_ENDPOINTS:])

    def _read_endpoint(self, known: PrivateEndpoint) -> None:
        if known.endpoint_id is None:
            self.book.write(known)
            return
        version = api_version("Microsoft.Network/privateEndpoints")
        answer = self.plane.ask(known.endpoint_id, version)
        if not answer.ok:
            self.book.write(known, answer.unseen("PrivateEndpoint"))
            return
        seen = network.with_endpoint(known, answer.body)
        if not seen.addresses:
            # With a zone group the endpoint itself says no addresses; its interface does.
            for interface in network.interfaces_of(answer.body):
                page = self.plane.ask(interface, api_version("Microsoft.Network/networkInterfaces"))
                if page.ok:
                    seen = network.with_interface(seen, page.body)
                else:
                    self.book.write(page.unseen("addresses of the private endpoint"))
        groups = self.plane.ask_all(f"{known.endpoint_id}/privateDnsZoneGroups", version)
        if groups.ok:
            seen = network.with_zone_groups(seen, groups.body)
        elif not groups.is_missing:
            self.book.write(groups.unseen("DNS zone groups of the private endpoint"))
        self.book.write(seen)
        for zone_id in seen.zone_ids:
            self._read_zone_of(zone_id)
        if seen.subnet_id and same(seen.state, "Approved"):
            self._read_subnet_of(seen.subnet_id, "endpoint")
        self._read_log_of(
            part_of(known.endpoint_id, "subscriptions"),
            part_of(known.endpoint_id, "resourceGroups"),
        )

    def _read_zones_by_name(self, host: str) -> None:
        """Look for every visible zone of the service's name: any of them may answer some network."""
        hosting = service_of(host)
        names = [hosting.private_link_zone] if hosting.private_link_zone else []
        if hosting.service == "acre" and hosting.region:
            names.append(older_zone(hosting.region))
        for name in names:
            answer, ids, places = self._zone_ids(name)
            if not answer.ok:
                self.book.write(answer.unseen("PrivateDnsZoneList"))
                continue
            self.book.write(
                PrivateDnsZoneList(**answer.stamp(), name=name, ids=ids, subscriptions=places),
                _rest(answer, "PrivateDnsZoneList"),
            )
            for zone_id in ids[:MOST_ZONES]:
                self._read_zone_of(zone_id)
            if len(ids) > MOST_ZONES:
                self.book.write(
                    Unseen(
                        vantage=CONTROL_PLANE,
                        what="PrivateDnsZone",
                        why=f"only {MOST_ZONES} of {len(ids)} zones of that name were read",
                        how_to_see="name a subscription with --subscription",
                    )
                )

    def _zone_ids(self, name: str) -> tuple[Answer, tuple[str, ...], tuple[str, ...]]:
        return self.memory.once(f"zones {name}", lambda: self._find_zones(name))

    def _find_zones(self, name: str) -> tuple[Answer, tuple[str, ...], tuple[str, ...]]:
        query = (
            "Resources | where type =~ 'microsoft.network/privatednszones' "
            f"| where name =~ '{name}' | project id, name, type, subscriptionId"
        )
        answer, rows = graph(self.plane, query)
        ids = tuple(found for found in (text(row, "id") for row in rows) if found)
        if answer.ok:
            return answer, ids, ()
        kind = "Microsoft.Network/privateDnsZones"
        path = f"/subscriptions/{self.subscription}/providers/{kind}"
        listed = self._list_once(path, kind)
        if not listed.ok:
            return listed, (), ()
        ids = tuple(
            text(each, "id") or ""
            for each in items(listed.body, "value")
            if same(text(each, "name"), name)
        )
        return listed, ids, (self.subscription,)

    def _read_zone_of(self, zone_id: str) -> None:
        if self._claim("zone", zone_id):
            self.crew.add("PrivateDnsZone", self._read_zone, zone_id)

    def _read_zone(self, zone_id: str) -> None:
        kind = "Microsoft.Network/privateDnsZones"
        host = self._host()
        # The first page alone: a zone may hold thousands, and the cache's own record is asked for.
        records = self.memory.once(
            f"{zone_id}/A first page",
            lambda: self.plane.ask(
                f"{zone_id}/A", api_version(kind), {"$top": str(network.MOST_RECORDS)}
            ),
        )
        listed = dig(records.body, "value")
        if not records.ok or not isinstance(listed, list):
            self.book.write(_no_answer(records).unseen("PrivateDnsZone"))
            return
        record = network.record_in(zone_id.rpartition("/")[2], host)
        names = {(text(each, "name") or "").lower() for each in items(records.body, "value")}
        if text(records.body, "nextLink") is not None and record and record not in names:
            own = self.plane.ask(f"{zone_id}/A/{record}", api_version(kind))
            if own.ok:
                listed = [own.body, *listed]
            elif not own.is_missing:
                self.book.write(own.unseen("PrivateDnsZone"))
                return
        links = self._list_once(f"{zone_id}/virtualNetworkLinks", kind)
        made = network.zone_of(
            zone_id, host, {"value": listed}, links.body if links.ok else None, records.stamp()
        )
        if not (links.ok and links.is_whole):
            made = made.replace(links_seen=False)
            what = "links of the private DNS zone"
            self.book.write(_rest(links, what) if links.ok else links.unseen(what))
        self.book.write(made)
        self._read_log_of(part_of(zone_id, "subscriptions"), part_of(zone_id, "resourceGroups"))

    def _host(self) -> str:
        """Return the host name that matters: the client's, where it is Azure's, else the resource's."""
        if service_of(self.host).is_azure:
            return service_of(self.host).suggestion or self.host
        body = self._body.body if self._is_there() and self._body is not None else None
        return (text(body, "properties", "hostName") or self.host).lower()

    # --- subnets, rules, routes --------------------------------------------------------------------

    def _read_subnet_of(self, subnet_id: str, role: NetworkRole) -> None:
        if self._claim("subnet", role, subnet_id):
            self.crew.add("AzureSubnet", self._read_subnet, subnet_id, role)

    def _read_subnet(self, subnet_id: str, role: NetworkRole) -> None:
        around = self._once(network.network_of(subnet_id), "Microsoft.Network/virtualNetworks")
        subnet = network.subnet_in(around.body, subnet_id) if around.ok else None
        answer = around
        if subnet is None:
            # Who may not read the network may still read the subnet.
            answer = self._once(subnet_id, "Microsoft.Network/virtualNetworks/subnets")
            if not answer.ok:
                self.book.write(answer.unseen("AzureSubnet"))
                return
            subnet = answer.body
            if not around.ok:
                self.book.write(around.unseen(f"the virtual network of the {role}"))
        made = network.subnet_of(
            subnet, around.body if around.ok else None, subnet_id, role, answer.stamp()
        )
        self.book.write(made)
        if made.nsg_id:
            self.crew.add(
                "NetworkSecurityGroup",
                self._read_group,
                made.nsg_id,
                role,
                subnet_id,
                made.prefixes,
            )
        if made.route_table_id:
            self.crew.add("RouteTable", self._read_routes, made.route_table_id, role, subnet_id)
        for each in (subnet_id, made.nsg_id, made.route_table_id):
            self._read_log_of(part_of(each, "subscriptions"), part_of(each, "resourceGroups"))

    def _read_group(
        self, group_id: str, role: NetworkRole, subnet_id: str, prefixes: tuple[str, ...]
    ) -> None:
        answer = self._once(group_id, "Microsoft.Network/networkSecurityGroups")
        found = (
            network.group_of(answer.body, role, subnet_id, prefixes, answer.stamp())
            if answer.ok
            else None
        )
        self.book.write(found or _no_answer(answer).unseen("NetworkSecurityGroup"))

    def _read_routes(self, table_id: str, role: NetworkRole, subnet_id: str) -> None:
        answer = self._once(table_id, "Microsoft.Network/routeTables")
        found = (
            network.routes_of(answer.body, role, subnet_id, answer.stamp()) if answer.ok else None
        )
        self.book.write(found or _no_answer(answer).unseen("RouteTable"))

    # --- over time -----------------------------------------------------------------------------------

    def _read_metrics(self) -> None:
        wanted = dict(metrics_of(self.service))  # type: ignore[arg-type]
        self._ask_metrics(wanted, {})
        for name, part, how in split_metrics_of(self.service):  # type: ignore[arg-type]
            self._ask_metrics({name: how}, {"$filter": f"{part} eq '*'"})

    def _ask_metrics(self, wanted: dict[str, str], more: dict[str, str]) -> None:
        span = (self.begun - METRICS_S, self.begun)
        answer = self._ask_batch(wanted, span, {"aggregation": _aggregations(wanted), **more})
        if answer.status == 400:
            said = text(answer.body, "message") or text(answer.body, "error", "message") or ""
            known = monitor.known_metrics(said, wanted)
            if known and len(known) < len(wanted):
                wanted = {name: wanted[name] for name in known}
                more = {"aggregation": _aggregations(wanted), **more}
            # Else it may be an aggregation that one of them lacks: each has one of its own.
            answer = self._ask_batch(wanted, span, more)
        if not answer.ok:
            self.book.write(answer.unseen("Metric"))
            return
        found = monitor.metrics_of(answer.body, self.id, wanted, span, answer.stamp())
        failed = monitor.failed_metrics(answer.body)
        if not found and failed:
            answer.why, answer.how = f"Azure could not read it ({failed[0][1]})", "try again"
        elif not found:
            _no_answer(answer)
        self.book.write(*found, None if found else answer.unseen("Metric"))
        if found:
            self.book.write(*(_metric_unseen(name, why) for name, why in failed))

    def _ask_batch(
        self, wanted: dict[str, str], span: tuple[float, float], more: dict[str, str]
    ) -> Answer:
        fields = {
            "timespan": f"{iso(span[0])}/{iso(span[1])}",
            "interval": "PT1M",
            "metricnames": ",".join(wanted),
            **more,
        }
        path = f"{self.id}/providers/Microsoft.Insights/metrics"
        return self.plane.ask(path, api_version("Microsoft.Insights/metrics"), fields)

    def _read_log_of(self, subscription: str, group: str) -> None:
        """Read the activity log of a resource group: the cache's, and each that holds its network."""
        if not subscription or not group:
            return
        with self._lock:
            groups = sum(key[0] == "log" for key in self._claimed)
        if groups < MOST_LOG_GROUPS and self._claim("log", subscription, group):
            self.crew.add("ResourceChange", self._read_log, subscription, group)

    def _read_log(self, subscription: str, group: str) -> None:
        since = self.begun - CHANGES_S
        answer = self._list_once(
            f"/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values",
            "Microsoft.Insights/eventtypes",
            {
                "$filter": f"eventTimestamp ge '{iso(since)}' and eventTimestamp le "
                f"'{iso(self.begun)}' and resourceGroupName eq '{group}'"
            },
        )
        if not answer.ok:
            self.book.write(answer.unseen("ResourceChange"))
            return
        found = monitor.changes_of(answer.body, self.id, answer.stamp())
        self.book.write(
            *found,
            ChangeSearch(
                **answer.stamp(),
                found_in="activity-log",
                from_s=since,
                to_s=self.begun,
                count=len(found),
            ),
            _rest(answer, "ResourceChange"),
        )

    def _read_deletion(self) -> None:
        """Look for who deleted the cache before the time of which all changes are read."""
        from refused.probes.azure.deleted import KEPT_S, seek_resource

        since, until = self.begun - KEPT_S, self.begun - CHANGES_S
        seek_resource(self.plane, self.book, self.id, since, until)

    def _read_deployments(self) -> None:
        since = self.begun - CHANGES_S
        answer = self._list_once(
            f"/subscriptions/{self.subscription}/resourcegroups/{self.group}"
            "/providers/Microsoft.Resources/deployments",
            "Microsoft.Resources/deployments",
            {"$top": "50"},
        )
        if not answer.ok:
            self.book.write(answer.unseen("deployments"))
            return
        found = monitor.deployments_of(answer.body, since, answer.stamp())
        self.book.write(
            *found,
            ChangeSearch(
                **answer.stamp(),
                found_in="deployment",
                from_s=since,
                to_s=self.begun,
                count=len(found),
            ),
            _rest(answer, "deployments"),
        )

    def _read_health(self) -> None:
        path = f"{self.id}/providers/Microsoft.ResourceHealth/availabilityStatuses/current"
        answer = self.plane.ask(path, api_version("Microsoft.ResourceHealth"))
        found = monitor.health_of(answer.body, self.id, answer.stamp()) if answer.ok else None
        self.book.write(found or _no_answer(answer).unseen("ResourceHealth"))

    def _read_events(self, location: str) -> None:
        answer = self._list_once(
            f"/subscriptions/{self.subscription}/providers/Microsoft.ResourceHealth/events",
            "Microsoft.ResourceHealth",
            {"queryStartTime": iso(self.begun - CHANGES_S)},
        )
        if answer.ok:
            self.book.write(
                *monitor.events_of(answer.body, location, answer.stamp()),
                _rest(answer, "ServiceEvent"),
            )
        else:
            self.book.write(answer.unseen("ServiceEvent"))


def interface_with(
    plane: Plane, fits: Callable[[Any], bool], where: str
) -> tuple[Answer, list[Any]]:
    """Return the visible network interfaces for which *fits* holds.

    Args:
        where: A condition of Resource Graph that narrows the search, ``""`` for none.
    """
    query = "Resources | where type =~ 'microsoft.network/networkinterfaces'"
    if where:
        query += f" | where {where}"
    answer, rows = graph(plane, query + " | project id, name, type, subscriptionId, properties")
    if answer.ok:
        return answer, [row for row in rows if fits(row)]
    kind = "Microsoft.Network/networkInterfaces"
    seen, places = subscriptions(plane)
    if not seen.ok:
        return answer, []
    found: list[Any] = []
    for place in places[:10]:
        listed = plane.ask_all(f"/subscriptions/{place}/providers/{kind}", api_version(kind))
        found += [each for each in items(listed.body, "value") if fits(each)]
        answer = listed if listed.ok else answer
    return answer, found


def has_address(interface: Any, address: str) -> bool:
    """Whether a network interface bears a private address."""
    return any(
        text(each, "properties", "privateIPAddress") == address
        for each in items(interface, "properties", "ipConfigurations")
    )


def _metric_unseen(name: str, why: str) -> Unseen:
    return Unseen(
        vantage=CONTROL_PLANE,
        what=f"the metric {name}",
        why=f"Azure could not read it ({why})",
        how_to_see="try again",
    )


def _aggregations(wanted: Mapping[str, str]) -> str:
    return ",".join(dict.fromkeys(wanted.values()))


_IN_PART = "not all pages of the list could be read"


def _whole(answer: Answer) -> Answer:
    """Make of a list that is not whole one that was not seen: the rule that counts may be missing."""
    if answer.ok:
        answer.why = _IN_PART
        answer.how = "try again"
    return answer


def _rest(answer: Answer, what: str) -> Unseen | None:
    """Say that a list goes on where it could not be read, ``None`` where all of it was."""
    if answer.is_whole:
        return None
    # Several caches may share the answer, and to each of them what was read of it is worth the same.
    return Unseen(vantage=CONTROL_PLANE, what=what, why=_IN_PART, how_to_see="try again")


def _no_answer(answer: Answer) -> Answer:
    """Make of an answer that says nothing one that was not seen."""
    if answer.ok:
        answer.why = "the answer does not say what it should"
        answer.how = "look at it with refused probe --azure"
    return answer
