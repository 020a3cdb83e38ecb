"""Host names are read, and near misses noticed, without a list of slips."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from refused.service.clouds import (
    CLOUDS,
    HOST_SUFFIXES,
    PRIVATE_ZONES,
    Hosting,
    arm_endpoint,
    cloud_of,
    group_id,
    is_cache_name,
    login_authority,
    older_zone,
    private_link_zone,
    resource_type,
    service_of,
    zone_of,
)

cache_names = st.from_regex(r"[a-z0-9]([a-z0-9]|-(?=[a-z0-9])){0,40}", fullmatch=True).filter(
    lambda name: name not in ("privatelink", "redis", "cache") and is_cache_name(name)
)
regions = st.sampled_from(["westeurope", "eastus2", "uksouth", "chinanorth3"])
suffixes = st.sampled_from([(row[0], row[1], row[2], row[3]) for row in HOST_SUFFIXES])
keys = st.text(string.ascii_letters + string.digits + "+/", min_size=24, max_size=43).map(
    lambda text: text + "="
)


def name_under(name: str, region: str, *, has_region: bool, suffix: str) -> str:
    """Build a host name as Azure would."""
    return f"{name}.{region}.{suffix}" if has_region else f"{name}.{suffix}"


@given(cache_names, regions, suffixes)
def test_a_name_as_azure_gives_it_is_read_whole(
    name: str, region: str, suffix: tuple[str, str, bool, str]
) -> None:
    """Service, cloud, cache and region, in any case and with or without the root's dot."""
    service, cloud, has_region, ending = suffix
    host = name_under(name, region, has_region=has_region, suffix=ending)
    for spelling in (host, host.upper(), host + "."):
        hosting = service_of(spelling)
        assert (hosting.service, hosting.cloud) == (service, cloud)
        assert hosting.cache_name == name
        assert hosting.region == (region if has_region else None)
        assert not hosting.looks_misspelt
        assert hosting.suggestion is None
        assert hosting.is_azure


@given(cache_names, regions, st.sampled_from(PRIVATE_ZONES))
def test_the_name_inside_the_private_zone_leads_back_to_the_public_one(
    name: str, region: str, zone: tuple[str, str, str, str, str, str]
) -> None:
    """It resolves, but no certificate covers it."""
    service, cloud, ending, group, _, _ = zone
    has_region = service != "acr"
    public = name_under(name, region, has_region=has_region, suffix=ending[len("privatelink.") :])
    inner = name_under(name, region, has_region=has_region, suffix=ending)
    hosting = service_of(inner)
    assert hosting.is_privatelink_name
    assert not hosting.looks_misspelt
    assert (hosting.service, hosting.cloud, hosting.cache_name) == (service, cloud, name)
    assert hosting.suggestion == public
    assert not service_of(public).is_privatelink_name
    assert service_of(public).private_link_zone == ending
    assert service_of(public).group_id == group
    assert zone_of(inner + ".") == ending
    assert zone_of(public) is None


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("shop.redis.cache.windows.com", "shop.redis.cache.windows.net"),
        ("shop.redis.cache.window.net", "shop.redis.cache.windows.net"),
        ("shop.redis.cache.window.com", "shop.redis.cache.windows.net"),
        ("shop.redis.windows.net", "shop.redis.cache.windows.net"),
        ("shop.cache.windows.net", "shop.redis.cache.windows.net"),
        ("myredis.cache.windows.net", "myredis.redis.cache.windows.net"),
        ("shop.cache.redis.windows.net", "shop.redis.cache.windows.net"),
        ("shop.rediscache.windows.net", "shop.redis.cache.windows.net"),
        ("shop.redis.cache.windows", "shop.redis.cache.windows.net"),
        ("shop.redis.cache.core.windows.net", "shop.redis.cache.windows.net"),
        ("shop.redis.cache.azure.net", "shop.redis.cache.windows.net"),
        ("shop.westeurope.redis.cache.windows.net", "shop.redis.cache.windows.net"),
        ("shop.shop.redis.cache.windows.net", "shop.redis.cache.windows.net"),
        (
            "shop.redis.cache.windows.net.redis.cache.windows.net",
            "shop.redis.cache.windows.net",
        ),
        ("shop.redis.cache.windows.net.corp.example", "shop.redis.cache.windows.net"),
        ("shop..redis.cache.windows.net", "shop.redis.cache.windows.net"),
        (" shop.redis.cache.windows.net\n", "shop.redis.cache.windows.net"),
        ("shop.redis.cache.windows.net:6380", "shop.redis.cache.windows.net"),
        ("rediss://shop.redis.cache.windows.net", "shop.redis.cache.windows.net"),
        ("https://shop.redis.cache.windows.net/", "shop.redis.cache.windows.net"),
        ("shop.redis.cache.windows.net,ssl=True", "shop.redis.cache.windows.net"),
        ("'shop.redis.cache.windows.net'", "shop.redis.cache.windows.net"),
        ("shop.redis.cache.wind\u043ews.net", "shop.redis.cache.windows.net"),  # a Cyrillic o
        ("redis.cache.windows.net", "<name>.redis.cache.windows.net"),
        ("shop.redis.cache.chinacloudapi.com", "shop.redis.cache.chinacloudapi.cn"),
        ("shop.redis.azure.net", "shop.<region>.redis.azure.net"),
        ("shop.eastus.redis.azure.com", "shop.eastus.redis.azure.net"),
        ("shop.eastus.redis.azure", "shop.eastus.redis.azure.net"),
        ("shop.eastus.redis.windows.net", "shop.eastus.redis.azure.net"),
        ("shop.eastus.redis.cache.azure.net", "shop.eastus.redis.azure.net"),
        ("shop.eastus.eastus.redis.azure.net", "shop.eastus.redis.azure.net"),
        (
            "shop.eastus.redisenterprise.azure.net",
            "shop.eastus.redisenterprise.cache.azure.net",
        ),
        (
            "shop.redisenterprise.cache.azure.net",
            "shop.<region>.redisenterprise.cache.azure.net",
        ),
    ],
)
def test_a_near_miss_is_noticed_and_put_right(host: str, meant: str) -> None:
    """Letters, labels, regions, and what stands around the name."""
    hosting = service_of(host)
    assert hosting.looks_misspelt
    assert hosting.suggestion == meant
    known = service_of(meant.replace("<name>", "shop").replace("<region>", "eastus"))
    assert (hosting.service, hosting.cloud) == (known.service, known.cloud)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "shop",
        "redis",
        "redis.azure",
        "shop.redis.azure",
        "redis.azure.internal",
        "redis.default.svc.cluster.local",
        "redis.example.com",
        "redis.cache.example.net",
        "foo.redis.cache.net",
        "x.abc.0001.use1.cache.amazonaws.com",
        "redis-12345.c1.us-east-1-2.ec2.cloud.redislabs.com",
        "account.blob.core.windows.net",
        "vault.vault.azure.net",
        "server.database.windows.net",
        "shop.eastus.redisenterprise.cache.azure.us",
        "10.0.0.4",
        "::1",
        "fe80::1%eth0",
    ],
)
def test_a_name_that_is_not_azure_s_is_left_alone(host: str) -> None:
    """Nobody is told that his own server is a misspelt cache."""
    hosting = service_of(host)
    assert hosting.service == "redis"
    assert not hosting.is_azure
    assert not hosting.looks_misspelt
    assert hosting.suggestion is None
    assert hosting.private_link_zone is None


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("redis://cache.example:6379", "cache.example"),
        ("cache.example:6379", "cache.example"),
        ("10.0.0.4:6379", "10.0.0.4"),
        ("[::1]:6379", "::1"),
        ("", None),
        ("redis://", None),
    ],
)
def test_what_stands_around_any_name_is_noticed(host: str, meant: str | None) -> None:
    """A port or a scheme inside the host is wrong on every service."""
    hosting = service_of(host)
    assert hosting.service == "redis"
    assert hosting.looks_misspelt
    assert hosting.suggestion == meant


def test_the_geo_name_is_a_name_of_its_own() -> None:
    """It follows the primary, and is the better name of a linked cache."""
    hosting = service_of("shop.geo.redis.cache.windows.net")
    assert not hosting.looks_misspelt
    assert hosting.cache_name == "shop"


def test_a_cache_may_be_called_geo() -> None:
    """The word means something only between a name and the suffix."""
    hosting = service_of("geo.redis.cache.windows.net")
    assert not hosting.looks_misspelt
    assert hosting.cache_name == "geo"


def test_a_cache_may_be_called_like_its_region() -> None:
    """A repeated label is a slip only where there is one too many."""
    hosting = service_of("eastus.eastus.redis.azure.net")
    assert not hosting.looks_misspelt
    assert (hosting.cache_name, hosting.region) == ("eastus", "eastus")


def test_a_name_that_azure_would_refuse_is_misspelt_without_a_better_one() -> None:
    """An underscore is no letter of a host name, and nobody can know what was meant."""
    hosting = service_of("my_cache.redis.cache.windows.net")
    assert hosting.looks_misspelt
    assert hosting.suggestion is None
    assert hosting.cache_name is None


@given(
    cache_names,
    st.sampled_from([row[3] for row in HOST_SUFFIXES if not row[2] and row[1] != "germany"]),
    st.data(),
)
def test_one_wrong_letter_anywhere_in_the_suffix_is_put_right(
    name: str, suffix: str, data: st.DataObject
) -> None:
    """Left out, added, changed or swapped with its neighbour."""
    assume("sovcloud" not in suffix)  # two clouds there differ by no more than the last letters
    at = data.draw(st.integers(0, len(suffix) - 2))
    letter = data.draw(st.sampled_from(string.ascii_lowercase + string.digits))
    wrong = data.draw(
        st.sampled_from(
            [
                suffix[:at] + suffix[at + 1 :],
                suffix[:at] + letter + suffix[at:],
                suffix[:at] + letter + suffix[at + 1 :],
                suffix[:at] + suffix[at + 1] + suffix[at] + suffix[at + 2 :],
            ]
        )
    )
    assume(wrong != suffix and not wrong.startswith("."))
    hosting = service_of(f"{name}.{wrong}")
    assert hosting.looks_misspelt
    assert hosting.suggestion == f"{name}.{suffix}"


@given(st.one_of(st.text(max_size=300), st.text(alphabet="redis.cachewnotzu:@/[]%", max_size=80)))
@example("." * 300)
@example("a." * 5000 + "redis.cache.windows.net")
@example("x" * 100_000)
@example("[")
@example("://@:")
@example("\x00.redis.cache.windows.net")
def test_no_text_is_too_strange(host: str) -> None:
    """Whatever stands where a host should, reading it raises nothing."""
    hosting = service_of(host)
    assert isinstance(hosting, Hosting)
    assert hosting.is_azure == (hosting.cloud is not None)
    if hosting.suggestion is not None:
        assert hosting.looks_misspelt or hosting.is_privatelink_name


@given(st.one_of(st.text(max_size=80), st.text(alphabet="redis.cachewnotzu-", max_size=60)))
def test_a_suggestion_is_good(host: str) -> None:
    """What we suggest is a name that we would not complain about."""
    suggestion = service_of(host).suggestion
    if suggestion is not None and "<" not in suggestion:
        again = service_of(suggestion)
        assert not again.looks_misspelt
        assert again.service == service_of(host).service


@given(
    keys,
    st.sampled_from(
        [
            "rediss://:{key}@shop.redis.cache.windows.net:6380/0",
            "shop.redis.cache.windows.net:6380,password={key},ssl=True",
            "shop.redis.cache.windows.net,password={key}@nowhere",
            "{key}@shop.redis.cache.windows.net",
            "user:{key}@shop.redis.cache.windows.com",
            "redis://:{key}@cache.example:6379",
            "cache.example:6379,password={key}",
            "password={key}.redis.cache.windows.net",
            "rediss://:{key}",
        ]
    ),
)
def test_a_secret_in_the_host_goes_no_further(key: str, form: str) -> None:
    """A connection string pasted whole must not come back in a report."""
    said = repr(service_of(form.format(key=key)))
    assert key not in said
    assert key.lower() not in said
    # Nor a piece of it long enough to matter.
    assert not any(piece.lower() in said for piece in key.rstrip("=").split("/") if len(piece) > 9)


def test_the_clouds_have_their_doors() -> None:
    """Control plane and token issuer, by cloud and by the name that ``az`` knows."""
    assert arm_endpoint("usgov") == "https://management.usgovcloudapi.net"
    assert login_authority("china") == "https://login.chinacloudapi.cn"
    assert arm_endpoint("moon") is login_authority("moon") is None
    assert cloud_of("azureusgovernment ") == "usgov"
    assert cloud_of("MyStack") is None
    for _, _, _, endpoint, authority, *_ in CLOUDS:
        for address in (endpoint, authority):
            assert address is None or not address.endswith("/")
    assert {row[1] for row in HOST_SUFFIXES} == {row[0] for row in CLOUDS}


def test_each_service_has_its_type_and_zone() -> None:
    """Enterprise and Managed Redis share a type, and nobody shares a zone."""
    assert resource_type("acr") == "Microsoft.Cache/redis"
    assert resource_type("acre") == resource_type("amr") == "Microsoft.Cache/redisEnterprise"
    assert resource_type("redis") is None
    assert group_id("acr") == "redisCache"
    assert group_id("redis") is None
    assert private_link_zone("amr") == "privatelink.redis.azure.net"
    assert private_link_zone("amr", "usgov") is None
    assert older_zone("eastus") == "eastus.privatelink.redisenterprise.cache.azure.net"
    zones = [row[2] for row in PRIVATE_ZONES]
    assert len(set(zones)) == len(zones)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("shop", True),
        ("a", True),
        ("shop-2", True),
        ("x" * 63, True),
        ("x" * 64, False),
        ("", False),
        ("-shop", False),
        ("shop-", False),
        ("sh--op", False),
        ("sh_op", False),
        ("caché", False),
        ("shop.redis", False),
    ],
)
def test_what_may_be_a_cache_s_name(text: str, is_one: bool) -> None:
    """Letters, digits and single hyphens."""
    assert is_cache_name(text) is is_one
