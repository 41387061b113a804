"""Who calls: a bearer token for Azure's control plane, or a 401 that says what is wrong with it."""

from localcloud.arm.refusals import ArmRefusal, unauthorized, wrong_audience
from localcloud.identity import MANAGEMENT, TENANT, Holder, Identity

TENANT_URL = f"https://login.windows.net/{TENANT}"


def authenticated(authorization: str, identity: Identity) -> Holder:
    """Return who an Authorization header stands for, or raise the 401 that Resource Manager answers."""
    if not authorization:
        raise challenge()
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        message = "Authentication failed. The 'Authorization' header is provided in an invalid format."
        raise unauthorized("AuthenticationFailedInvalidHeader", message, TENANT_URL)
    holder = identity.holder(token.strip())
    if holder is None:
        raise unauthorized("InvalidAuthenticationToken", "The access token is invalid.", TENANT_URL)
    if holder.audience.rstrip("/") not in MANAGEMENT:
        raise wrong_audience(holder.audience, TENANT_URL)
    return holder


def challenge(tenant_url: str = TENANT_URL) -> ArmRefusal:
    """Return the 401 for a request without a token."""
    message = "Authentication failed. The 'Authorization' header is missing."
    return unauthorized("AuthenticationFailed", message, tenant_url)
