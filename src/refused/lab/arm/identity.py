"""Microsoft Entra and managed identities, as far as the control plane's clients need them.

Tokens look like the real ones (a JWT whose claims can be read) and are worth nothing elsewhere: the
signature is random, and the twin knows its tokens by having issued them.

Sources: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
(``IDENTITY_ENDPOINT``), https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
(the instance metadata service), https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
https://openid.net/specs/openid-connect-discovery-1_0.html; error codes:
https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
"""

from __future__ import annotations

import json
import secrets
import time
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from refused.lab.arm.routes import Answer, Caller, Refusal
from refused.lab.arm.state import TENANT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIFETIME_S = 86_400 - 1  # as a managed identity's token lives, a day
ARM_AUDIENCES = (
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.azure.com//",
)


@dataclass
class Identity:
    """Issues tokens and knows them again.

    Attributes:
        caller: Whom the managed identity's tokens speak for.
        header: What ``IDENTITY_HEADER`` has to be.
        applications: Client secrets by application id.
        audiences: For whom a token may be meant that the control plane accepts.
        trouble: An error of the token endpoints instead of a token: status and JSON body.
        on_issue: Called with the audience, the caller and the token whenever one is issued.
    """

    caller: Caller = field(default_factory=Caller)
    tenant: str = TENANT
    header: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    applications: dict[str, str] = field(default_factory=dict, repr=False)
    audiences: set[str] = field(default_factory=lambda: set(ARM_AUDIENCES))
    trouble: tuple[int, dict[str, Any]] | None = None
    now: Callable[[], float] = time.time
    tokens: dict[str, tuple[Caller, float, str]] = field(default_factory=dict, repr=False)
    on_issue: list[Callable[[str, Caller, str], None]] = field(default_factory=list, repr=False)

    def issue(
        self, audience: str, caller: Caller | None = None, lifetime_s: float = LIFETIME_S
    ) -> str:
        """Return a new token for *audience*."""
        who, now = caller or self.caller, int(self.now())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + int(lifetime_s),
            "appid": who.app_id,
            "idtyp": "app",
            "name": who.name,
            "oid": who.object_id,
            "sub": who.object_id,
            "tid": self.tenant,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }
        head = {"typ": "JWT", "alg": "RS256", "kid": "refused-lab"}
        parts = [urlsafe_b64encode(json.dumps(each).encode()).decode() for each in (head, claims)]
        signature = urlsafe_b64encode(secrets.token_bytes(256)).decode()
        token = ".".join(part.rstrip("=") for part in (*parts, signature))
        self.tokens[token] = (who, now + lifetime_s, audience)
        for each in self.on_issue:
            each(audience, who, token)
        return token

    def check(self, authorization: str, authority: str) -> Caller:
        """Return who calls with an ``Authorization`` header.

        Args:
            authorization: The header; ``""`` where there was none.
            authority: Where to get a token, for the challenge.

        Raises:
            Refusal: 401 with the challenge that clients look for.
        """
        scheme, _, token = authorization.partition(" ")
        known = self.tokens.get(token.strip())
        if not authorization:
            code = "AuthenticationFailed"
            said = "Authentication failed. The 'Authorization' header is missing."
        elif scheme.lower() != "bearer" or known is None:
            code, said = "InvalidAuthenticationToken", "The access token is invalid."
        elif known[1] <= self.now():
            code = "ExpiredAuthenticationToken"
            said = "The access token expiry UTC time is earlier than current UTC time."
        elif known[2].rstrip("/") not in {each.rstrip("/") for each in self.audiences}:
            code = "InvalidAuthenticationTokenAudience"
            said = (
                "The access token has been obtained for wrong audience or resource "
                f"'{known[2]}'. It should exactly match with one of the allowed audiences "
                f"{', '.join(repr(each) for each in sorted(self.audiences))}."
            )
        else:
            return known[0]
        challenge = (
            f'Bearer authorization_uri="{authority}/{self.tenant}", error="invalid_token", '
            f'error_description="{said}"'
        )
        raise Refusal(401, code, said, headers={"www-authenticate": challenge})

    # --- the endpoints ------------------------------------------------------------------------

    def managed(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Answer ``IDENTITY_ENDPOINT``: a token for ``resource``, to whom knows the header."""
        if not secrets.compare_digest(headers.get("x-identity-header", ""), self.header):
            body = {"statusCode": 401, "message": "The X-IDENTITY-HEADER is missing or wrong"}
            return Answer(401, body)
        return self._managed_token(query)

    def instance(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Answer as the instance metadata service does, which wants ``Metadata: true``."""
        if headers.get("metadata", "").lower() != "true":
            body = {
                "error": "invalid_request",
                "error_description": "Required metadata header not specified",
            }
            return Answer(400, body)
        return self._managed_token(query)

    def _managed_token(self, query: Mapping[str, str]) -> Answer:
        if self.trouble is not None:
            return Answer(self.trouble[0], self.trouble[1])
        resource = query.get("resource", "")
        if not resource:
            return Answer(400, {"statusCode": 400, "message": "Required resource is missing"})
        until = int(self.now()) + LIFETIME_S
        return Answer(
            200,
            {
                "access_token": self.issue(resource),
                "client_id": self.caller.app_id,
                "expires_in": str(LIFETIME_S),
                "expires_on": str(until),
                "ext_expires_in": str(LIFETIME_S),
                "not_before": str(int(self.now())),
                "resource": resource,
                "token_type": "Bearer",
            },
        )

    def application(self, form: Mapping[str, str]) -> Answer:
        """Answer the token endpoint: client credentials, by secret or by a federated token."""
        if self.trouble is not None:
            return Answer(self.trouble[0], self.trouble[1])
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if form.get("grant_type") != "client_credentials":
            return _declined(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{form.get('grant_type', '')[:40]}'.",
            )
        if client not in self.applications:
            return _declined(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client[:40]}' was not found in the directory.",
            )
        if not form.get("client_assertion") and not secrets.compare_digest(
            secret, self.applications[client]
        ):
            return _declined(
                401,
                "invalid_client",
                7000215,
                f"Invalid client secret provided for app '{client[:40]}'.",
            )
        scope = form.get("scope", "").split(" ")[0]
        audience = scope.removesuffix("/.default") or form.get("resource", "")
        token = self.issue(audience, replace(self.caller, name=client, app_id=client), 3599)
        body = {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599}
        return Answer(200, {**body, "access_token": token})

    def configuration(self, base_url: str, tenant: str, *, is_v2: bool) -> Answer:
        """Answer the discovery document of a tenant."""
        tail = "/v2.0" if is_v2 else ""
        stem = f"{base_url}/{tenant}"
        return Answer(
            200,
            {
                "issuer": f"{stem}/v2.0" if is_v2 else f"https://sts.windows.net/{self.tenant}/",
                "authorization_endpoint": f"{stem}/oauth2{tail}/authorize",
                "token_endpoint": f"{stem}/oauth2{tail}/token",
                "device_authorization_endpoint": f"{stem}/oauth2{tail}/devicecode",
                "end_session_endpoint": f"{stem}/oauth2{tail}/logout",
                "jwks_uri": f"{stem}/discovery{tail}/keys",
                "response_types_supported": ["code", "id_token", "code id_token", "token"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "oid"],
                "tenant_region_scope": None,
                "cloud_instance_name": base_url.partition("://")[2],
            },
        )


def _declined(status: int, error: str, code: int, said: str) -> Answer:
    trace = str(uuid.uuid4())
    return Answer(
        status,
        {
            "error": error,
            "error_description": f"AADSTS{code}: {said} Trace ID: {trace}",
            "error_codes": [code],
            "trace_id": trace,
            "correlation_id": str(uuid.uuid4()),
        },
    )
