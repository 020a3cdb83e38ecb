"""Which Azure cloud and service a host name belongs to, and whether it is misspelt.

The names of the three services differ by one label, and only Azure Cache for Redis leaves the
region out, so most wrong names are near misses. They are found by their distance from the known
suffixes, label by label, not by a list of slips. A name that resembles none is simply not Azure's.
"""

from __future__ import annotations

from refused.service.facts import (
    ACR_GEO,
    ACR_PLANNING,
    ACR_VNET,
    AMR_PRIVATE_LINK,
    AZ_CLOUDS,
    AZURE_IDENTITY_HOSTS,
    LIKELY,
    MANAGED_REDIS_SDK,
    MICROSOFT_EXTENSION,
    PRIVATE_DNS,
    SER_ACR,
    SER_AMR,
    SURE,
    UNSURE,
    Fixed,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.service.facts import Certainty, Service

# Shape: (cloud, title, name in `az cloud list`, ARM endpoint, login authority, whether it is open,
# source, certainty).
CLOUDS: tuple[tuple[str, str, str | None, str | None, str | None, bool, str, Certainty], ...] = (
    (
        "public",
        "Azure",
        "AzureCloud",
        "https://management.azure.com",
        "https://login.microsoftonline.com",
        True,
        AZ_CLOUDS,
        SURE,
    ),
    (
        "usgov",
        "Azure Government",
        "AzureUSGovernment",
        "https://management.usgovcloudapi.net",
        "https://login.microsoftonline.us",
        True,
        AZ_CLOUDS,
        SURE,
    ),
    (
        "china",
        "Azure operated by 21Vianet",
        "AzureChinaCloud",
        "https://management.chinacloudapi.cn",
        "https://login.chinacloudapi.cn",
        True,
        AZ_CLOUDS,
        SURE,
    ),
    (
        "germany",
        "Microsoft Cloud Germany, closed in 2021",
        "AzureGermanCloud",
        "https://management.microsoftazure.de",
        "https://login.microsoftonline.de",
        False,
        AZ_CLOUDS,
        SURE,
    ),
    (
        "sovereign-de",
        "the sovereign cloud in Germany",
        None,
        "https://management.sovcloud-api.de",
        "https://login.sovcloud-identity.de",
        True,
        AZURE_IDENTITY_HOSTS,
        LIKELY,
    ),
    (
        "sovereign-fr",
        "the sovereign cloud in France",
        None,
        "https://management.sovcloud-api.fr",
        "https://login.sovcloud-identity.fr",
        True,
        AZURE_IDENTITY_HOSTS,
        SURE,
    ),
    (
        "sovereign-sg",
        "the sovereign cloud in Singapore",
        None,
        None,
        "https://login.sovcloud-identity.sg",
        True,
        MICROSOFT_EXTENSION,
        UNSURE,
    ),
)

# Host names are `<cache>.<suffix>`, or `<cache>.<region>.<suffix>` where the third column says so.
# Shape: (service, cloud, whether a region stands before the suffix, suffix, source, certainty).
HOST_SUFFIXES: tuple[tuple[Service, str, bool, str, str, Certainty], ...] = (
    ("acr", "public", False, "redis.cache.windows.net", ACR_PLANNING, SURE),
    ("amr", "public", True, "redis.azure.net", SER_AMR, SURE),
    ("acre", "public", True, "redisenterprise.cache.azure.net", SER_ACR, SURE),
    ("acr", "usgov", False, "redis.cache.usgovcloudapi.net", ACR_PLANNING, SURE),
    ("acr", "china", False, "redis.cache.chinacloudapi.cn", ACR_PLANNING, SURE),
    ("acr", "germany", False, "redis.cache.cloudapi.de", ACR_PLANNING, SURE),
    ("acr", "sovereign-de", False, "redis.cache.sovcloud-api.de", SER_ACR, SURE),
    ("acr", "sovereign-fr", False, "redis.cache.sovcloud-api.fr", SER_ACR, SURE),
    ("amr", "usgov", True, "redis.usgovcloudapi.net", SER_AMR, LIKELY),
    ("amr", "china", True, "redis.chinacloudapi.cn", SER_AMR, LIKELY),
    ("amr", "sovereign-de", True, "redis.sovcloud-api.de", SER_AMR, LIKELY),
    ("amr", "sovereign-fr", True, "redis.sovcloud-api.fr", SER_AMR, LIKELY),
    ("amr", "sovereign-sg", True, "redis.sovcloud-api.sg", MICROSOFT_EXTENSION, UNSURE),
)

# A pair of service and cloud that is not here has no zone that anybody published.
# Shape: (service, cloud, private DNS zone, group id of the private endpoint, source, certainty).
PRIVATE_ZONES: tuple[tuple[Service, str, str, str, str, Certainty], ...] = (
    ("acr", "public", "privatelink.redis.cache.windows.net", "redisCache", PRIVATE_DNS, SURE),
    ("acr", "usgov", "privatelink.redis.cache.usgovcloudapi.net", "redisCache", PRIVATE_DNS, SURE),
    ("acr", "china", "privatelink.redis.cache.chinacloudapi.cn", "redisCache", PRIVATE_DNS, SURE),
    (
        "acre",
        "public",
        "privatelink.redisenterprise.cache.azure.net",
        "redisEnterprise",
        PRIVATE_DNS,
        SURE,
    ),
    ("amr", "public", "privatelink.redis.azure.net", "redisEnterprise", AMR_PRIVATE_LINK, SURE),
)

# Shape: (service, ARM resource type, group id of its private endpoint, source, certainty).
RESOURCE_TYPES: tuple[tuple[Service, str, str, str, Certainty], ...] = (
    ("acr", "Microsoft.Cache/redis", "redisCache", PRIVATE_DNS, SURE),
    ("acre", "Microsoft.Cache/redisEnterprise", "redisEnterprise", PRIVATE_DNS, SURE),
    ("amr", "Microsoft.Cache/redisEnterprise", "redisEnterprise", MANAGED_REDIS_SDK, SURE),
)

# Shape: (what stands between cache name and suffix, service, meaning, source, certainty).
INNER_LABELS: tuple[tuple[str, Service, str, str, Certainty], ...] = (
    ("geo", "acr", "follows the geo-primary across failovers", ACR_GEO, SURE),
)

# Shape: (rule of a cache name, in words, source, certainty).
CACHE_NAME_RULE: tuple[str, str, Certainty] = (
    "1 to 63 letters, digits and single hyphens, with a letter or digit at either end",
    ACR_VNET,
    SURE,
)

# Without "us" and "cn": azure.us and azure.cn are Microsoft's own, whatever stands before them.
_TOP_LEVEL = frozenset(
    ("com", "net", "org", "de", "fr", "sg", "io", "co", "eu", "uk", "dev", "app", "info")
)


_LONGEST_LABEL = 63  # RFC 1035, 2.3.4
_WRAPPING = " \t\r\n'\"<>"
_ENDS_A_NAME = ",;/?#\\|" + _WRAPPING

# Likeness, from 0 (the same) to what is no longer alike.
_DOUBTFUL = 2  # above it, the number of labels before the suffix must fit as well
_LABEL_WRONG = 2.5
_MORE_BEHIND = 3.0
_SHORT_SUFFIX = 3  # labels: "redis.azure.net" says less than "redis.cache.windows.net"


class Hosting(Fixed):
    """What a host name says of itself.

    Attributes:
        service: ``acr``, ``acre``, ``amr``, or ``redis`` for a name that is not Azure's. Of a
            misspelt name, the service that was meant.
        cloud: A name from :data:`CLOUDS`; ``None`` outside Azure.
        cache_name: The first label; ``None`` outside Azure or where it is missing.
        region: The region label of an Enterprise or Managed Redis name.
        private_link_zone: The private DNS zone of the service in that cloud, where one is known.
        group_id: The group id that a private endpoint of the service bears.
        is_privatelink_name: The name is the one inside the private zone. It resolves, but the
            certificate does not cover it; *suggestion* is the public name.
        looks_misspelt: The text is not a host name as it stands, or narrowly misses an Azure name.
        suggestion: The name that was probably meant. It holds ``<name>`` or ``<region>`` where
            only the owner of the cache knows the label.
    """

    __slots__ = (
        "service",
        "cloud",
        "cache_name",
        "region",
        "private_link_zone",
        "group_id",
        "is_privatelink_name",
        "looks_misspelt",
        "suggestion",
    )
    service: Service
    cloud: str | None
    cache_name: str | None
    region: str | None
    private_link_zone: str | None
    group_id: str | None
    is_privatelink_name: bool
    looks_misspelt: bool
    suggestion: str | None

    @property
    def is_azure(self) -> bool:
        """Whether the name is, or was meant to be, one of Azure's."""
        return self.service != "redis"


def service_of(host: str) -> Hosting:
    """Read a host name; never raises, whatever the text.

    What surrounds the name (scheme, credentials, port, options) makes it misspelt and is left out
    of the suggestion, so that a secret which slipped into a host name goes no further.

    >>> hosting = service_of("shop.redis.cache.window.net")
    >>> hosting.service, hosting.looks_misspelt, hosting.suggestion
    ('acr', True, 'shop.redis.cache.windows.net')
    """
    name, is_soiled = _name_within(host)
    labels = [label for label in name.lower().split(".") if label]
    is_soiled = is_soiled or len(labels) != len(name.split("."))
    exact = _suffix_of(labels)
    if exact is not None:
        return _within(exact, labels[: -_size(exact)], is_soiled=is_soiled)
    near = _nearest(labels)
    if near is not None:
        return _within(near[0], near[1], is_soiled=True)
    return _elsewhere(".".join(labels) if _is_harmless(host) else None, is_soiled=is_soiled)


def private_link_zone(service: Service, cloud: str = "public") -> str | None:
    """Return the private DNS zone of *service* in *cloud*; ``None`` where none was published."""
    for name, where, zone, _, _, _ in PRIVATE_ZONES:
        if (name, where) == (service, cloud):
            return zone
    return None


def older_zone(region: str) -> str:
    """Return the first form of the Enterprise zone, which outranks the present one.

    Both linked to one network, the longer name wins, and records in the shorter one do nothing.

    Source: Microsoft's note on the DNS migration of Redis Enterprise (likely).
    """
    return f"{region}.privatelink.redisenterprise.cache.azure.net"


def zone_of(name: str) -> str | None:
    """Return the private zone of a Redis service that *name* lies in, as an alias does."""
    name = name.rstrip(".").lower()
    for _, _, zone, _, _, _ in PRIVATE_ZONES:
        if name.endswith("." + zone):
            return zone
    return None


def group_id(service: Service) -> str | None:
    """Return the group id (sub-resource) that a private endpoint to *service* bears."""
    for name, _, group, _, _ in RESOURCE_TYPES:
        if name == service:
            return group
    return None


def resource_type(service: Service) -> str | None:
    """Return the ARM resource type of *service*; Enterprise and Managed Redis share one."""
    for name, kind, _, _, _ in RESOURCE_TYPES:
        if name == service:
            return kind
    return None


def arm_endpoint(cloud: str) -> str | None:
    """Return the control plane's address in *cloud*, without a slash at the end."""
    for name, _, _, endpoint, _, _, _, _ in CLOUDS:
        if name == cloud:
            return endpoint
    return None


def login_authority(cloud: str) -> str | None:
    """Return the address that issues tokens in *cloud*, without a slash at the end."""
    for name, _, _, _, authority, _, _, _ in CLOUDS:
        if name == cloud:
            return authority
    return None


def cloud_of(az_name: str) -> str | None:
    """Return the cloud that ``az cloud show`` calls *az_name* (``AzureCloud``)."""
    for name, _, known_as, _, _, _, _, _ in CLOUDS:
        if known_as is not None and known_as.lower() == az_name.strip().lower():
            return name
    return None


def is_cache_name(text: str) -> bool:
    """Whether Azure would accept *text* as the name of a cache (:data:`CACHE_NAME_RULE`)."""
    return (
        1 <= len(text) <= _LONGEST_LABEL
        and text.isascii()
        and text.replace("-", "").isalnum()
        and text[0] != "-"
        and text[-1] != "-"
        and "--" not in text
    )


# --- reading the text ----------------------------------------------------------------------------


def _name_within(text: str) -> tuple[str, bool]:
    """Return the host name inside *text*, and whether anything stood around it."""
    name = text
    if "://" in name:
        name = name.split("://", 1)[1].rsplit("@", 1)[-1]
    name = name.strip(_WRAPPING)
    for at, letter in enumerate(name):
        if letter in _ENDS_A_NAME or letter.isspace():
            name = name[:at]
            break
    name = name.rsplit("@", 1)[-1]
    if name.startswith("["):
        name = name[1:].split("]", 1)[0]
    elif name.count(":") == 1:
        name = name.split(":", 1)[0]
    if name.endswith("."):  # the root: a complete name, as resolvers read it
        return name[:-1], name != text
    return name, name != text


def _is_harmless(text: str) -> bool:
    """Whether no part of *text* can be a password."""
    return "@" not in text and "=" not in text and "," not in text


# --- comparing with the known suffixes -----------------------------------------------------------


def _size(row: int) -> int:
    return HOST_SUFFIXES[row][3].count(".") + 1


def _suffix_of(labels: list[str]) -> int | None:
    """Return the row whose suffix ends *labels*."""
    name = "." + ".".join(labels)
    for row, (_, _, _, suffix, _, _) in enumerate(HOST_SUFFIXES):
        if name.endswith("." + suffix):
            return row
    return None


def _nearest(labels: list[str]) -> tuple[int, list[str]] | None:
    """Return the row that *labels* narrowly miss, and the labels before the suffix."""
    labels = labels[-12:]
    best: tuple[float, int, list[str]] | None = None
    for row, (_, _, has_region, suffix, _, _) in enumerate(HOST_SUFFIXES):
        want = suffix.split(".")
        for start in range(len(labels) - 1):
            before, tail = labels[:start], labels[start:]
            # The whole suffix, and then more: a search domain, or two names in one.
            cost = _MORE_BEHIND if tail[: len(want)] == want else _cost(tail, want)
            is_fit = len(before) == 1 + has_region
            if cost is None:
                continue
            if cost > _DOUBTFUL and not is_fit and (start == 0 or len(want) <= _SHORT_SUFFIX):
                continue
            if not is_fit:
                cost += 0.5 if start else 1.5
            if best is None or cost < best[0]:
                best = cost, row, before
    return None if best is None else (best[1], best[2])


def _cost(tail: list[str], want: list[str]) -> float | None:
    """Say how far *tail* is from the suffix *want*; ``None`` where it is no near miss.

    Near is: two letters; another top-level domain (and one letter); another of Azure's own
    domains; one label too few or too many; two labels in the wrong order.
    """
    if abs(len(tail) - len(want)) > 1:
        return None
    letters = _edits(".".join(tail), ".".join(want), 2)
    if letters is not None:
        return letters
    if len(tail) == len(want):
        if tail[-1] in _TOP_LEVEL:
            rest = _edits(".".join(tail[:-1]), ".".join(want[:-1]), 1)
            if rest is not None:
                return 1.5 + rest
        if tail[:-2] == want[:-2] and any(
            suffix.endswith("." + ".".join(tail[-2:])) for _, _, _, suffix, _, _ in HOST_SUFFIXES
        ):
            return _LABEL_WRONG
        is_shuffled = tail[-1] == want[-1] and sorted(tail) == sorted(want)
        return _LABEL_WRONG if is_shuffled else None
    if len(tail) > len(want):
        is_near = any(tail[:at] + tail[at + 1 :] == want for at in range(1, len(tail)))
    else:
        # Without the label that Microsoft owns, or without "redis" where nothing else says so,
        # the rest could be anybody's.
        first = 0 if len(want) > _SHORT_SUFFIX else 1
        gaps = [at for at in range(first, len(want)) if at != len(want) - 2]
        is_near = any(want[:at] + want[at + 1 :] == tail for at in gaps)
    return _LABEL_WRONG if is_near else None


def _edits(one: str, two: str, most: int) -> int | None:
    """Count the letters to insert, delete or change; ``None`` above *most*."""
    if abs(len(one) - len(two)) > most:
        return None
    row = list(range(len(two) + 1))
    for at, letter in enumerate(one, 1):
        before, row = row, [at]
        for col, other in enumerate(two, 1):
            steps = min(before[col] + 1, row[-1] + 1, before[col - 1] + (letter != other))
            row.append(steps)
        if min(row) > most:
            return None
    return row[-1] if row[-1] <= most else None


# --- the labels before the suffix ----------------------------------------------------------------


def _within(row: int, labels: list[str], *, is_soiled: bool) -> Hosting:
    """Judge the *labels* that stand before a suffix."""
    service, cloud, has_region, suffix, _, _ = HOST_SUFFIXES[row]
    is_inner = "privatelink" in labels
    labels = [label for label in labels if label != "privatelink"]
    kept = _without_repeats(labels, least=1 + has_region)
    inner = [label for label, of, _, _, _ in INNER_LABELS if of == service]
    name = kept[0] if kept else None
    region = kept[-1] if has_region and len(kept) > 1 else None
    wanted = [name or "<name>"]
    if has_region:
        wanted.append(region or "<region>")
    elif len(kept) > 1 and kept[-1] in inner:
        wanted.append(kept[-1])
    is_sound = all(is_cache_name(label) for label in kept)
    if not is_sound:  # and what it is instead is not for us to repeat
        name = region = None
    is_misspelt = is_soiled or labels != wanted or not is_sound
    return Hosting(
        service=service,
        cloud=cloud,
        cache_name=name,
        region=region,
        private_link_zone=private_link_zone(service, cloud),
        group_id=group_id(service),
        is_privatelink_name=is_inner,
        looks_misspelt=is_misspelt,
        suggestion=(
            ".".join([*wanted, suffix]) if is_sound and (is_misspelt or is_inner) else None
        ),
    )


def _without_repeats(labels: list[str], *, least: int) -> list[str]:
    """Drop a suffix that was written twice, and labels that repeat the one before them.

    No fewer than *least* are left: a cache may bear the name of its region.
    """
    again = _suffix_of(labels)
    while again is not None:
        labels = labels[: -_size(again)]
        again = _suffix_of(labels)
    if len(labels) <= least:
        return labels
    return [label for at, label in enumerate(labels) if at == 0 or label != labels[at - 1]]


def _elsewhere(suggestion: str | None, *, is_soiled: bool) -> Hosting:
    return Hosting(
        service="redis",
        cloud=None,
        cache_name=None,
        region=None,
        private_link_zone=None,
        group_id=None,
        is_privatelink_name=False,
        looks_misspelt=is_soiled,
        suggestion=(suggestion or None) if is_soiled else None,
    )
