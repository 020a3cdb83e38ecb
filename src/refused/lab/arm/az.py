"""What points ``az``, the Azure SDKs and ``refused`` at the twin's control plane.

``az`` finds a configuration folder of its own: the twin as a cloud that is active, a subscription,
and a managed identity that is logged in, whose tokens come from ``IDENTITY_ENDPOINT``. So nothing
needs to be registered or logged in, and the user's own configuration is not touched.

Formats: azure-cli, ``azure/cli/core/cloud.py`` (``clouds.config``) and ``_profile.py``
(``azureProfile.json``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refused.lab.world import World

CLOUD = "RefusedLab"


def environment(world: World) -> dict[str, str]:
    """Return the variables; the control plane's server is started for them."""
    url, state, identity = world.arm_endpoint, world.arm, world.arm_server.identity
    folder = Path(world.folder, "azure")
    configure(folder, url, state.subscription, state.tenant)
    parts = world.resource.strip("/").split("/")
    return {
        "REFUSED_LAB_RESOURCE": world.resource,
        "REFUSED_LAB_GROUP": parts[3],
        "REFUSED_LAB_CACHE": parts[-1],
        "REFUSED_ARM_ENDPOINT": url,
        "REFUSED_ARM_TOKEN": world.arm_token,
        "REQUESTS_CA_BUNDLE": world.arm_ca_file,
        "IDENTITY_ENDPOINT": f"{url}/msi/token",
        "IDENTITY_HEADER": identity.header,
        "AZURE_CONFIG_DIR": str(folder),
        "AZURE_SUBSCRIPTION_ID": state.subscription,
        "AZURE_TENANT_ID": state.tenant,
        "AZURE_AUTHORITY_HOST": url,
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
    }


def configure(folder: Path, url: str, subscription: str, tenant: str) -> None:
    """Write a configuration folder for ``az`` whose active cloud is the twin."""
    folder.mkdir(mode=0o700, exist_ok=True)
    host = url.partition("://")[2]
    endpoints = {
        "endpoint_management": url,
        "endpoint_resource_manager": url,
        "endpoint_active_directory": url,
        "endpoint_active_directory_resource_id": "https://management.core.windows.net/",
        "endpoint_active_directory_graph_resource_id": url,
        "endpoint_microsoft_graph_resource_id": url,
        "endpoint_gallery": url,
        "suffix_storage_endpoint": host,
        "suffix_keyvault_dns": f".{host}",
        "profile": "latest",
    }
    lines = [f"[{CLOUD}]", *(f"{name} = {value}" for name, value in endpoints.items()), ""]
    _write(folder / "clouds.config", "\n".join(lines))
    settings = (
        f"[cloud]\nname = {CLOUD}\n\n[core]\ncollect_telemetry = no\noutput = json\n"
        "no_color = yes\nsurvey_message = no\nencrypt_token_cache = no\ninstance_discovery = no\n\n"
        "[extension]\nuse_dynamic_install = no\n\n[auto-upgrade]\nenable = no\n"
    )
    _write(folder / "config", settings)
    account = {
        "id": subscription,
        "name": "Contoso Production",
        "state": "Enabled",
        "user": {
            "name": "systemAssignedIdentity",
            "type": "servicePrincipal",
            "assignedIdentityInfo": "MSI",
        },
        "isDefault": True,
        "tenantId": tenant,
        "environmentName": CLOUD,
        "homeTenantId": tenant,
        "managedByTenants": [],
    }
    profile = {"installationId": "00000000-0000-0000-0000-000000000000", "subscriptions": [account]}
    _write(folder / "azureProfile.json", json.dumps(profile))


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
