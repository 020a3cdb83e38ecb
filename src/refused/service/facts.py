"""What every table of this room shares: names for the sources, certainty, and frozen records.

Certainty: ``sure`` was read in an official document or in primary source code; ``likely`` rests on
a single or secondary source, or on a close inference; ``unsure`` is contradicted or only inferred,
and nobody may state it as a fact.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Literal

    from typing_extensions import dataclass_transform

    Certainty = Literal["sure", "likely", "unsure"]
    Service = Literal["acr", "acre", "amr", "redis"]
else:

    def dataclass_transform(**_: object) -> Callable[[type], type]:
        """Stand in for :func:`typing.dataclass_transform`, which Python 3.8 lacks."""
        return lambda cls: cls


SURE: Certainty = "sure"
LIKELY: Certainty = "likely"
UNSURE: Certainty = "unsure"

# --- Azure Cache for Redis, learn.microsoft.com/azure/azure-cache-for-redis ----------------------

ACR_CLUSTERING = (
    "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-premium-clustering"
)
ACR_CONFIGURE = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure"
ACR_CONNECTION = (
    "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-connection"
)
ACR_ENTRA = (
    "https://learn.microsoft.com/azure/azure-cache-for-redis/"
    "cache-azure-active-directory-for-authentication"
)
ACR_FAILOVER = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-failover"
ACR_GEO = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-geo-replication"
ACR_ISOLATION = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-network-isolation"
ACR_LOGS = (
    "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-monitor-diagnostic-settings"
)
ACR_METRICS = (
    "https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/"
    "microsoft-cache-redis-metrics"
)
ACR_OVERVIEW = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-overview"
ACR_PLANNING = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-planning-faq"
ACR_PRIVATE_LINK = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-private-link"
ACR_ADMINISTRATION = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-administration"
ACR_SCALE = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-scale"
ACR_TLS = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-tls-configuration"
ACR_TLS_OLD = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-remove-tls-10-11"
ACR_VNET = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-premium-vnet"
ACR_WHATS_NEW = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-whats-new"

# --- Azure Managed Redis, learn.microsoft.com/azure/redis ----------------------------------------

AMR_ARCHITECTURE = "https://learn.microsoft.com/azure/redis/architecture"
AMR_CONNECTION = "https://learn.microsoft.com/azure/redis/best-practices-connection"
AMR_ENTRA = "https://learn.microsoft.com/azure/redis/entra-for-authentication"
AMR_FAILOVER = "https://learn.microsoft.com/azure/redis/failover"
AMR_GEO = "https://learn.microsoft.com/azure/redis/how-to-active-geo-replication"
AMR_HA = "https://learn.microsoft.com/azure/redis/high-availability"
AMR_KEYSPACE = "https://learn.microsoft.com/azure/redis/enable-redis-keyspace-notifications"
AMR_LOGS = "https://learn.microsoft.com/azure/redis/monitor-diagnostic-settings"
AMR_MAINTENANCE = "https://learn.microsoft.com/azure/redis/scheduled-maintenance"
AMR_METRICS = (
    "https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/"
    "microsoft-cache-redisenterprise-metrics"
)
AMR_OVERVIEW = "https://learn.microsoft.com/azure/redis/overview"
AMR_PRIVATE_LINK = "https://learn.microsoft.com/azure/redis/private-link"
AMR_SCALE = "https://learn.microsoft.com/azure/redis/how-to-scale"
AMR_TLS = "https://learn.microsoft.com/azure/redis/tls-configuration"
AMR_WHATS_NEW = "https://learn.microsoft.com/azure/redis/whats-new"

# --- the network around them ---------------------------------------------------------------------

APP_SERVICE_OUTBOUND = (
    "https://learn.microsoft.com/azure/app-service/"
    "troubleshoot-intermittent-outbound-connection-errors"
)
AKS_LOAD_BALANCER = "https://learn.microsoft.com/azure/aks/load-balancer-standard"
AZURE_CA = (
    "https://learn.microsoft.com/azure/security/fundamentals/azure-certificate-authority-details"
)
AZURE_FIREWALL = "https://learn.microsoft.com/azure/firewall/firewall-faq"
CACHE_ROOT_CHANGE = (
    "https://techcommunity.microsoft.com/t5/azure-developer-community-blog/"
    "azure-cache-for-redis-tls-upcoming-migration-to-digicert-global/ba-p/3171086"
)
LOAD_BALANCER_IDLE = "https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset"
LOAD_BALANCER_SNAT = (
    "https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections"
)
METADATA_SERVICE = "https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service"
NAT_GATEWAY = "https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource"
PLATFORM_ADDRESS = (
    "https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16"
)
SECURITY_GROUPS = (
    "https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview"
)
USER_ROUTES = "https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview"
PRIVATE_DNS = "https://learn.microsoft.com/azure/private-link/private-endpoint-dns"
RESOURCE_HEALTH = (
    "https://learn.microsoft.com/azure/service-health/resource-health-checks-resource-types"
)
WINDOWS_PORTS = (
    "https://learn.microsoft.com/troubleshoot/windows-client/networking/"
    "tcp-ip-port-exhaustion-troubleshooting"
)
SUBNET_FAQ = "https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq"

# --- source code and specifications --------------------------------------------------------------

AZ_CLOUDS = (
    "https://github.com/Azure/azure-cli/blob/HEAD/src/azure-cli-core/azure/cli/core/cloud.py"
)
AZURE_IDENTITY_HOSTS = (
    "https://github.com/Azure/azure-sdk-for-net/blob/HEAD/"
    "sdk/identity/Azure.Identity/src/AzureAuthorityHosts.cs"
)
CHROMIUM_MITM = (
    "https://github.com/mirror/chromium/blob/0158a2db2cab23bccb42786526931f76dcdd6b00/"
    "chrome/browser/resources/ssl/ssl_error_assistant/ssl_error_assistant.asciipb"
)
ISTIO_PORTS = "https://istio.io/latest/docs/ops/deployment/application-requirements/"
LINKERD_PORTS = (
    "https://github.com/linkerd/linkerd2/blob/HEAD/charts/linkerd-control-plane/values.yaml"
)
LINUX_SYSCTL = "https://docs.kernel.org/networking/ip-sysctl.html"
MANAGED_REDIS_SDK = (
    "https://learn.microsoft.com/python/api/azure-mgmt-redisenterprise/"
    "azure.mgmt.redisenterprise.models"
)
MICROSOFT_EXTENSION = (
    "https://github.com/Azure/Microsoft.Azure.StackExchangeRedis/blob/HEAD/sample/Sample.cs"
)
REDIS_EVENTS = "https://github.com/Azure/AzureCacheForRedis/blob/HEAD/AzureRedisEvents.md"
REDIS_SECURITY = "https://redis.io/docs/latest/operate/oss_and_stack/management/security/"
REDIS_CLUSTER = "https://redis.io/docs/latest/operate/oss_and_stack/management/scaling/"
REDIS_SENTINEL = "https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/"
SER_AMR = (
    "https://github.com/StackExchange/StackExchange.Redis/blob/HEAD/"
    "src/StackExchange.Redis/Configuration/AzureManagedRedisOptionsProvider.cs"
)
SER_ACR = (
    "https://github.com/StackExchange/StackExchange.Redis/blob/HEAD/"
    "src/StackExchange.Redis/Configuration/AzureOptionsProvider.cs"
)
RETIREMENT_FAQ = "https://learn.microsoft.com/azure/azure-cache-for-redis/retirement-faq"
SKILL_FEATURES = (
    "https://github.com/AzureManagedRedis/amr-migration-skill/blob/HEAD/"
    "references/feature-comparison.md"
)
SKILL_MAPPING = (
    "https://github.com/AzureManagedRedis/amr-migration-skill/blob/HEAD/references/sku-mapping.md"
)
SKILL_SKUS = (
    "https://github.com/AzureManagedRedis/amr-migration-skill/blob/HEAD/references/amr-sku-specs.md"
)
CHANGELOG = "https://github.com/api-evangelist/microsoft-azure-cache-for-redis/tree/HEAD/lifecycle"
TERRAFORM_AMR = (
    "https://github.com/hashicorp/terraform-provider-azurerm/blob/HEAD/"
    "website/docs/r/managed_redis.html.markdown"
)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Fixed:
    """A frozen record with slots, given by keyword.

    Raises:
        TypeError: A field is missing or unknown.
    """

    __slots__: tuple[str, ...] = ()

    def __init__(self, **values: object) -> None:
        if values.keys() != set(self.__slots__):
            odd = sorted(values.keys() ^ set(self.__slots__))
            raise TypeError(f"{type(self).__name__}: missing or unknown {odd}")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__slots__))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({inside})"
