"""Logging in with Entra ID, through redis-entraid.

    from refused.client import connect, entra
    client = connect("rediss://mycache.redis.cache.windows.net:6380",
                     credential_provider=entra.managed_identity())

redis-entraid does the asking; when and how patiently is decided here and in
:mod:`refused.client.credentials`. Its own renewal is not started: it runs in a thread that never
ends, gives up for good after one failure, and is not there in a forked child. Its own default waits a
tenth of a second for the identity service and tries again after 3 ms, which a managed identity's
endpoint (it throttles, and can take seconds) answers with 429.
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

from __future__ import annotations

from typing import Any, Final

from redis.credentials import CredentialProvider

SCOPE: Final = "https://redis.azure.com/.default"
RESOURCE: Final = "https://redis.azure.com/"
PATIENCE_MS: Final = 5000
TRIES: Final = 4
REST_MS: Final = 500


def default() -> Any:
    """Return a provider that uses what azure-identity's default chain finds.

    That is a managed or workload identity, the environment, or a developer's login.

    Raises:
        ImportError: redis-entraid is not installed.
    """
    theirs = _library()
    return Provider(
        theirs.create_from_default_azure_credential((SCOPE,), token_manager_config=_patience())
    )


def managed_identity(client_id: str | None = None) -> Any:
    """Return a provider for the machine's identity, or for the user-assigned one of *client_id*."""
    theirs = _library()
    from redis_entraid.identity_provider import ManagedIdentityIdType, ManagedIdentityType

    if client_id is None:
        return Provider(
            theirs.create_from_managed_identity(
                ManagedIdentityType.SYSTEM_ASSIGNED, RESOURCE, token_manager_config=_patience()
            )
        )
    return Provider(
        theirs.create_from_managed_identity(
            ManagedIdentityType.USER_ASSIGNED,
            RESOURCE,
            id_type=ManagedIdentityIdType.CLIENT_ID,
            id_value=client_id,
            token_manager_config=_patience(),
        )
    )


def service_principal(client_id: str, secret: str, tenant_id: str) -> Any:
    """Return a provider for an application's own identity."""
    theirs = _library()
    return Provider(
        theirs.create_from_service_principal(
            client_id, secret, tenant_id, scopes=[SCOPE], token_manager_config=_patience()
        )
    )


class Provider(CredentialProvider):
    """Asks redis-entraid's provider for a token, and for nothing else."""

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs
        theirs._is_streaming = True  # noqa: SLF001  # else it starts its own renewal

    def get_credentials(self) -> tuple[str, str]:
        """Return the user's or application's object id, and a token."""
        oid, token = self._theirs.get_credentials()
        return oid, token


def _library() -> Any:
    try:
        from redis_entraid import cred_provider
    except ImportError as missing:
        raise ImportError("Entra ID needs redis-entraid: pip install redis-entraid") from missing
    return cred_provider


def _patience() -> Any:
    from redis.auth.token_manager import RetryPolicy, TokenManagerConfig

    return TokenManagerConfig(0.75, 0, PATIENCE_MS, RetryPolicy(TRIES, REST_MS))
