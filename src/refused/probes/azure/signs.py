"""Cheap signs that a credential for Azure is at hand: variables, a profile, the firmware.

azure-identity takes a third of a second to import; it is imported only where one of these is seen.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# The asset tag of every virtual machine on Azure, where a managed identity may be had.
# Source: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service (likely: the
# tag is what cloud-init looks for, sources/DataSourceAzure.py).
_AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"


def at_hand(environ: Mapping[str, str], root: str = "/") -> str:
    """Return the sign that says that a credential is at hand, ``""`` where there is none."""
    if environ.get("REFUSED_ARM_TOKEN"):
        return "REFUSED_ARM_TOKEN"
    if environ.get("AZURE_CLIENT_ID") and environ.get("AZURE_TENANT_ID"):
        for name in (
            "AZURE_CLIENT_SECRET",
            "AZURE_CLIENT_CERTIFICATE_PATH",
            "AZURE_FEDERATED_TOKEN_FILE",
            "AZURE_PASSWORD",
        ):
            if environ.get(name):
                return name
    for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT"):
        if environ.get(name):
            return name
    if _has_accounts(environ):
        return "an az profile"
    if is_azure_machine(root) and environ:
        return "a machine on Azure"
    return ""


def _has_accounts(environ: Mapping[str, str]) -> bool:
    """Whether somebody has logged in with ``az`` (or ``azd``)."""
    if not (environ.get("AZURE_CONFIG_DIR") or environ.get("HOME") or environ.get("USERPROFILE")):
        return False
    try:
        with open(
            os.path.join(az_folder(environ), "azureProfile.json"), encoding="utf-8-sig"
        ) as file:
            from json import loads

            found = loads(file.read()).get("subscriptions")
            if found:
                return True
    except (OSError, ValueError, AttributeError):
        pass
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    folder = environ.get("AZD_CONFIG_DIR") or os.path.join(home, ".azd")
    return bool(home) and os.path.exists(os.path.join(folder, "auth", "auth.json"))


def is_azure_machine(root: str = "/") -> bool:
    """Whether the firmware says that this is a virtual machine on Azure."""
    return firmware_tag(root) == _AZURE_TAG


def firmware_tag(root: str = "/") -> str | None:
    """Return the asset tag in the firmware; ``None`` where the system does not show it."""
    path = os.path.join(root, "sys/class/dmi/id/chassis_asset_tag")
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(64).strip()
    except OSError:
        return None


def az_folder(environ: Mapping[str, str]) -> str:
    """Return the folder in which ``az`` keeps its settings."""
    given = environ.get("AZURE_CONFIG_DIR")
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    return given or os.path.join(home, ".azure")
