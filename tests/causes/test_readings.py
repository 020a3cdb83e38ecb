"""Readings that the judges share: limits, doors, places in a network, and what was done when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.causes.readings import (
    around_the_failure,
    az,
    changed_so,
    client_limit,
    endpoint_count,
    held_here,
    in_subnet,
    of_cache,
    onset,
    public_door,
    surroundings,
    what_changed,
)
from tests.causes.azure_scenery import (
    ACR,
    AMR,
    CACHE_ID,
    CACHES,
    CLIENTS,
    ENDPOINT,
    NETWORK,
    NO_ENDPOINT,
    SILENCE,
    TABLE,
    change,
    metric,
)
from tests.causes.server_scenery import CACHE
from tests.causes.tls_scenery import NOW

if TYPE_CHECKING:
    from refused.evidence.control_plane import AzureCache

DELETE = "Microsoft.Cache/redis/firewallRules/delete"


def test_the_last_change_before_the_failure_is_taken() -> None:
    """Not one that failed, not one of another kind, not one that came later."""
    first, second = (change(DELETE, f"firewallRules/{at}", ago_s=600 - at) for at in (0, 300))
    failed = change(DELETE, "firewallRules/failed", ago_s=10).replace(status="Failed")
    other = change("Microsoft.Cache/redis/write", "", ago_s=10)
    later = change(DELETE, "firewallRules/later", ago_s=-600)
    done = [second, first, failed, other, later]

    assert what_changed(done, ("firewallrules/DELETE",), NOW) == second
    assert what_changed(done, ("firewallRules/delete",), None) == later
    assert what_changed(done, ("routes/write",), NOW) is None


@pytest.mark.parametrize(
    ("ago_s", "said"),
    [
        (30, "30 s before the first failure seen"),
        (240, "4 minutes before the first failure seen"),
        (3 * 3600, "3 hours before the first failure seen"),
        (-20, "at about the time of the first failure seen"),
    ],
)
def test_a_span_of_time_is_said_in_the_unit_that_suits_it(ago_s: float, said: str) -> None:
    """Clocks differ by a little: what was done just after may have come before."""
    assert changed_so(change(DELETE, "firewallRules/app", ago_s=ago_s), NOW).endswith(said)


def test_another_day_is_named() -> None:
    """An hour alone would mislead."""
    old = change(DELETE, "firewallRules/app", ago_s=3 * 86_400)

    assert "on 2026-09-18 at 14:13 UTC" in changed_so(old, NOW)


def test_ones_own_history_is_told_in_its_own_words() -> None:
    """A deployment has a title, and no operation of Azure's."""
    own = change("deploy 1.4.2", "").replace(resource_id="", found_in="own")

    assert changed_so(own, NOW).startswith("deploy 1.4.2 was done at 14:09 UTC by anna")


@pytest.mark.parametrize(("status", "ended"), [("Succeeded", ""), ("Failed", " (and failed)")])
def test_a_deployment_is_told_by_its_name(status: str, ended: str) -> None:
    """What it touched alone would not lead anybody to it."""
    where = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/deployments/shop-42"
    one = change("shop-42", where).replace(
        found_in="deployment", status=status, caller="", summary="touched microsoft.cache/redis"
    )

    said = (
        f"the deployment shop-42 ran (touched microsoft.cache/redis){ended} at 14:09 UTC, 4 minutes"
    )
    assert changed_so(one, NOW).startswith(said)


def test_what_failed_did_not_happen() -> None:
    """A rule that could not be deleted is still there."""
    failed = change(DELETE, "firewallRules/app").replace(status="Failed")

    said = "the firewall rule app was deleted (the attempt failed) at 14:09 UTC"
    assert changed_so(failed, NOW).startswith(said)


def test_what_befell_a_resource_was_done_by_nobody() -> None:
    """Resource Health reports; nobody made the node silent."""
    event = change("Microsoft.ResourceHealth/healthevent/Activated/action", "").replace(
        category="ResourceHealth", summary="Unavailable: the node is silent", caller=""
    )

    assert changed_so(event, NOW).startswith("Unavailable: the node is silent was reported at 14:")


@given(when=st.floats(), operation=st.text(max_size=30), of=st.text(max_size=30))
def test_no_record_of_a_log_breaks_the_sentence(when: float, operation: str, of: str) -> None:
    """Times beyond the calendar, ids that are none."""
    odd = change(DELETE, "x").replace(when=when, operation=operation, resource_id=of)

    assert changed_so(odd, NOW)
    assert changed_so(odd, None)


def test_only_this_caches_own_changes_count() -> None:
    """A neighbour's name may begin alike."""
    mine = change(DELETE, "firewallRules/app")
    neighbour = mine.replace(resource_id=f"{CACHE_ID}2/firewallRules/app")

    assert of_cache([mine, neighbour], [ACR], CACHE) == (mine,)
    assert of_cache([mine, neighbour], [], CACHE) == (mine,)


def test_a_failure_begins_where_the_clients_vanished() -> None:
    """The metric saw it before the probe did; a quiet night is no failure, nor is a dip."""
    fell = metric("connectedclients", 90, 91, 90, 92, 90, 91, 12, 11)
    dip = metric("connectedclients", 90, 91, 12, 92, 90, 91, 90, 90)

    assert onset([SILENCE], [fell]) == NOW - 120
    assert onset([SILENCE], [dip]) == NOW
    assert onset([], []) is None


def test_the_minutes_around_the_failure_are_taken_and_no_others() -> None:
    """The whole of a metric before its parts; the preferred name before the other."""
    hour = metric("serverLoad", *range(60))
    part = metric("serverLoad", 99, dimension=("ShardId", "0"))
    found = around_the_failure([part, hour], ("serverLoad", "allserverLoad"), NOW, span_s=180)

    assert found is not None
    assert found[0] is hour
    assert found[1] == (58.0, 59.0)
    assert around_the_failure([part], ("SERVERLOAD",), NOW) is not None
    assert around_the_failure([hour], ("cacheRead",), NOW) is None


def test_a_limit_is_azures_word_else_the_sizes() -> None:
    """Nobody publishes those of the Enterprise tiers."""
    assert client_limit(ACR) == 1000
    assert (
        client_limit(ACR.replace(max_clients=None, sku="Premium", family="P", capacity=2)) == 15_000
    )
    assert client_limit(AMR) == 15_000
    assert client_limit(AMR.replace(service="acre", sku="Enterprise_E10")) is None
    assert client_limit(None) is None


@pytest.mark.parametrize(
    ("cache", "endpoints", "is_open"),
    [
        (ACR, None, True),
        (ACR.replace(public_access=None), 0, True),
        (ACR.replace(public_access=None), 1, True),
        (AMR.replace(public_access=None), 0, True),
        (AMR.replace(public_access=None), 1, False),
        (AMR.replace(public_access=None), None, None),
        (ACR.replace(public_access="Disabled"), None, False),
        (None, 0, None),
    ],
)
def test_a_public_door_is_read_by_its_service(
    cache: AzureCache | None, endpoints: int | None, *, is_open: bool | None
) -> None:
    """What nothing means depends on the service, and on endpoints that may not have been read."""
    assert public_door(cache, endpoints) is is_open


def test_endpoints_are_counted_only_where_they_were_read() -> None:
    """None read is not none there."""
    assert endpoint_count([], []) is None
    assert endpoint_count([NO_ENDPOINT], []) == 0
    assert endpoint_count([], [ENDPOINT]) == 1


def test_a_client_speaks_from_its_address_else_from_anywhere_in_its_subnet() -> None:
    """A public address is what the service sees, and not what the network does."""
    assert in_subnet(CLIENTS, ["203.0.113.7", "10.1.1.20"]) == ("10.1.1.20",)
    assert in_subnet(CLIENTS, ["10.9.9.9"]) == ("10.1.1.0/24",)
    assert in_subnet(None, ["10.9.9.9", None]) == ("10.9.9.9",)
    assert in_subnet(None, ["203.0.113.7"]) == ()


def test_connected_peers_belong_to_the_network_and_others_do_not() -> None:
    """As the service tag VirtualNetwork has it."""
    hub = CACHES.replace(
        network_id=f"{NETWORK}/hub", network_prefixes=("10.2.0.0/16",), prefixes=()
    )
    for state, is_inside in (("Connected", True), ("Disconnected", False)):
        own = CLIENTS.replace(peers=((f"{NETWORK}/HUB", state),))
        around = surroundings(own, [own, hub], [TABLE], "20.42.65.90")
        assert ("10.2.0.0/16" in around.inside) is is_inside
        assert around.outside == ("20.42.65.90",)
        assert not around.complete


def test_a_peer_without_access_is_foreign_and_one_that_was_not_read_is_known_by_its_peering() -> (
    None
):
    """Being connected is not enough: the peering may give no access."""
    hub = CACHES.replace(
        network_id=f"{NETWORK}/hub", network_prefixes=("10.2.0.0/16",), prefixes=()
    )
    own = CLIENTS.replace(
        peers=((f"{NETWORK}/hub", "Connected"), (f"{NETWORK}/far", "Connected")),
        peer_prefixes=("10.3.0.0/16",),
        closed_peers=(f"{NETWORK}/HUB",),
    )
    around = surroundings(own, [own, hub])

    assert "10.2.0.0/16" not in around.inside
    assert "10.2.0.0/16" in around.outside
    assert "10.3.0.0/16" in around.inside


def test_az_asks_each_service_in_its_own_words() -> None:
    """Azure Managed Redis has its keys at the database."""
    assert az("acr") == "az redis"
    assert az("acr", "list-keys") == "az redis list-keys"
    assert az("amr", "list-keys") == "az redisenterprise database list-keys"
    assert az("acre") == "az redisenterprise"


def test_nobody_counted_is_nothing_held() -> None:
    """Neither ports nor sockets were looked at."""
    assert held_here([], []) == 0
