"""One token for the control plane: given in the environment, or from azure-identity's default chain.

The token is a :class:`~refused.evidence.redaction.Secret` and never leaves the process.
"""

from __future__ import annotations

from refused.evidence.redaction import Secret, redact
from refused.probes.azure.client import NoToken
from refused.probes.azure.signs import at_hand, firmware_tag, is_azure_machine
from refused.probes.azure.trust import ca_bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from refused.probes.azure.endpoint import Endpoint
    from refused.probes.stopwatch import Deadline

_EXTRA = "install azure-identity: pip install 'refused[azure]'; or set REFUSED_ARM_TOKEN"


def token(endpoint: Endpoint, environ: Mapping[str, str], deadline: Deadline) -> Secret:
    """Return the bearer token for *endpoint*.

    Raises:
        NoToken: No credential gave one.
    """
    given = environ.get("REFUSED_ARM_TOKEN", "").strip()
    if given:
        word = given.removeprefix("Bearer ").strip()
        if not word.isascii() or not word.isprintable() or " " in word:
            raise NoToken("REFUSED_ARM_TOKEN holds no token", "put the bearer token alone into it")
        return Secret(word)
    try:
        import logging

        # Without any handler, logging would print the chain's complaints itself.
        for name in ("azure", "msal", "urllib3"):
            logging.getLogger(name).addHandler(logging.NullHandler())
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import DefaultAzureCredential
    except ImportError:
        return _from_az(endpoint, environ, deadline)
    options: dict[str, Any] = {"process_timeout": max(1, int(deadline.left() + 0.99))}
    if endpoint.authority:
        options["authority"] = endpoint.authority.removeprefix("https://").rstrip("/")
    named = ca_bundle(environ)
    if named is not None:
        options["connection_verify"] = named[1]
    if endpoint.cloud is None:
        # A private cloud's authority is not in Microsoft's list of them.
        options["disable_instance_discovery"] = True
    if not _may_be_managed(environ):
        # Nobody but a machine on Azure answers there, and to find that out takes a second.
        options["exclude_managed_identity_credential"] = True
    try:
        credential = DefaultAzureCredential(**options)
        return Secret(credential.get_token(f"{endpoint.audience}/.default").token)
    except ClientAuthenticationError as none:
        raise NoToken(
            f"no credential gave a token: {_said(str(none))}", "log in: az login"
        ) from None
    except Exception as failed:  # noqa: BLE001 - a chain of other people's code, each with its own errors
        raise NoToken(
            f"no credential gave a token: {type(failed).__name__}: {_said(str(failed))}",
            "log in: az login",
        ) from None


def _may_be_managed(environ: Mapping[str, str]) -> bool:
    """Whether there can be a managed identity: a variable says so, or the firmware does not deny it."""
    named = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
    return any(environ.get(name) for name in named) or firmware_tag() is None or is_azure_machine()


def _from_az(endpoint: Endpoint, environ: Mapping[str, str], deadline: Deadline) -> Secret:
    """Return the token of whoever is logged in with ``az``: all that is left without azure-identity.

    Raises:
        NoToken: There is no ``az``, or it gives none.
    """
    import shutil
    import subprocess
    from json import loads

    program = shutil.which("az", path=environ.get("PATH"))
    if program is None or at_hand(environ) != "an az profile":
        raise NoToken("azure-identity is not installed", _EXTRA)
    words = [program, "account", "get-access-token", "--output", "json", "--resource"]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own az, as azure-identity would run it
            [*words, endpoint.audience],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=max(0.1, deadline.left()),
            env=dict(environ),
        )
        return Secret(loads(done.stdout)["accessToken"])
    except subprocess.TimeoutExpired:
        raise NoToken("az had given no token when the time was up", _EXTRA) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise NoToken("az gave no token", "log in: az login") from None


def _said(message: str) -> str:
    """Return what the chain's members say, the ones that were never set up left out."""
    lines = [" ".join(line.split()) for line in message.splitlines()]
    telling = [
        line
        for line in lines
        if "Credential: " in line
        and "unavailable" not in line
        and "not fully configured" not in line
        and "not found on path" not in line
        and "not installed" not in line
        and "to be installed" not in line
    ]
    return redact("; ".join(telling or lines[:1]))[:300]
