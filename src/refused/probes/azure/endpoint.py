"""Where the control plane is: named by the environment, the cloud that ``az`` has active, or public."""

from __future__ import annotations

import os

from refused.probes.azure.signs import az_folder
from refused.service.arm import audience_of, cloud_at
from refused.service.clouds import CLOUDS, arm_endpoint, cloud_of, login_authority

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class BadEndpoint(ValueError):
    """The control plane cannot be asked the way the environment says; one line says why."""

    for_people = True


class Endpoint:
    """Where the control plane is.

    Attributes:
        url: Without a slash at the end.
        cloud: A name from ``service/clouds.py``; ``None`` for one that is not listed there.
        authority: Who issues tokens; ``None`` leaves it to azure-identity.
        audience: For whom they are issued.
    """

    __slots__ = ("url", "host", "port", "cloud", "authority", "audience")

    def __init__(
        self, url: str, *, authority: str | None = None, audience: str | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self.host, self.port = _host_and_port(self.url)
        self.cloud = cloud_at(self.url)
        known = login_authority(self.cloud) if self.cloud else None
        self.authority = authority or known
        self.audience = (audience or audience_of(self.cloud) or self.url).rstrip("/")


def endpoint_of(environ: Mapping[str, str]) -> Endpoint:
    """Return the control plane: of ``REFUSED_ARM_ENDPOINT``, of the cloud ``az`` has active, or public.

    Raises:
        BadEndpoint: It is not https, or no address at all.
    """
    given = environ.get("REFUSED_ARM_ENDPOINT", "").strip()
    if given:
        return Endpoint(given)
    name = environ.get("AZURE_CLOUD_NAME") or _setting(environ, "config", "cloud", "name")
    if name:
        cloud = cloud_of(name)
        # `az cloud register` and `az cloud update` leave their endpoints in a file of its own.
        registered = _setting(environ, "clouds.config", name, "endpoint_resource_manager")
        url = registered or (arm_endpoint(cloud) if cloud else None)
        if url:
            return Endpoint(
                url,
                authority=_setting(environ, "clouds.config", name, "endpoint_active_directory"),
                audience=_setting(
                    environ, "clouds.config", name, "endpoint_active_directory_resource_id"
                ),
            )
    return Endpoint(arm_endpoint("public") or CLOUDS[0][3] or "")


def _setting(environ: Mapping[str, str], file: str, section: str, name: str) -> str | None:
    """Read one setting of ``az``; its files are INI."""
    if not (environ.get("AZURE_CONFIG_DIR") or environ.get("HOME") or environ.get("USERPROFILE")):
        return None
    try:
        with open(os.path.join(az_folder(environ), file), encoding="utf-8-sig") as lines:
            inside = False
            for line in lines:
                word = line.strip()
                if word.startswith("["):
                    inside = word.strip("[]").strip().lower() == section.lower()
                elif inside and "=" in word:
                    key, _, value = word.partition("=")
                    if key.strip().lower() == name:
                        return value.strip() or None
    except (OSError, UnicodeError):
        return None
    return None


def _host_and_port(url: str) -> tuple[str, int]:
    from urllib.parse import urlsplit

    said = "REFUSED_ARM_ENDPOINT or the active cloud of az"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadEndpoint(f"{said}: the control plane's address is none; give https://…") from None
    if parts.scheme != "https":
        raise BadEndpoint(
            f"{said}: the control plane is asked by https alone, a token would travel in the open; "
            "give https://…"
        )
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise BadEndpoint(f"{said}: give the control plane's address alone, as https://host")
    return host, port or 443
