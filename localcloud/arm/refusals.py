"""Resource Manager's errors, with their texts as reports quote them.

Sources: Azure/azure-sdk-for-net issue 854 (missing header), AzureAD/azure-activedirectory-library-for-python issue 43
and hashicorp/go-azure-helpers issue 51 (audience), Azure/azure-sdk-for-go issue 246 and Azure/azure-rest-api-specs
issue 11634 (versions), MicrosoftDocs/feedback issue 2279 (no version), MicrosoftDocs/azure-docs issue 122458 (no role),
Azure/azure-cli issue 30992 (no resource), Azure/azure-powershell issue 10638 (no group), Azure/azure-sdk-for-js issue
15460 (no type), https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.arm.address import Address
from localcloud.arm.kinds import Kind

AUDIENCES = (
    *("https://management.core.windows.net/", "https://management.core.windows.net"),
    *("https://management.azure.com/", "https://management.azure.com"),
)


@dataclass(eq=False, kw_only=True)
class ArmRefusal(Exception):
    """An answer other than the one asked for."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    wrapped: bool = True

    def document(self) -> dict[str, Any]:
        """Return the body; Microsoft.Web writes its own errors in a shape of its own."""
        if self.wrapped:
            return {"error": {"code": self.code, "message": self.message}}
        details = [{"Message": self.message}, {"Code": self.code}]
        return {"Code": self.code, "Message": self.message, "Target": None, "Details": details, "Innererror": None}


def unauthorized(code: str, message: str, tenant_url: str) -> ArmRefusal:
    """401 with the challenge that names the tenant; the texts are the caller's."""
    challenge = f'Bearer authorization_uri="{tenant_url}", error="invalid_token", error_description="{message}"'
    return ArmRefusal(status=401, code=code, message=message, headers={"WWW-Authenticate": challenge})


def wrong_audience(audience: str, tenant_url: str) -> ArmRefusal:
    """401 for a token that is good for something else."""
    allowed = ",".join(f"'{each}'" for each in AUDIENCES)
    text = f"The access token has been obtained for wrong audience or resource '{audience}'."
    message = f"{text} It should exactly match with one of the allowed audiences {allowed}."
    return unauthorized("InvalidAuthenticationTokenAudience", message, tenant_url)


def forbidden(action: str, scope: str, *, client_id: str, object_id: str) -> ArmRefusal:
    """403 for a caller without a role at the scope, whether it exists or not."""
    message = (
        f"The client '{client_id}' with object id '{object_id}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh "
        "your credentials."
    )
    return ArmRefusal(status=403, code="AuthorizationFailed", message=message)


def missing_version() -> ArmRefusal:
    """400 for a request without api-version; asked before anything else."""
    message = "The api-version query parameter (?api-version=) is required for all requests."
    return ArmRefusal(status=400, code="MissingApiVersionParameter", message=message)


def invalid_version(version: str, supported: Iterable[str]) -> ArmRefusal:
    """400 for an api-version that Resource Manager itself does not know."""
    message = f"The api-version '{version}' is invalid. The supported versions are '{','.join(supported)}'."
    return ArmRefusal(status=400, code="InvalidApiVersionParameter", message=message)


def no_provider(version: str, kind: Kind, location: str) -> ArmRefusal:
    """400 for an api-version that the type has not."""
    message = (
        f"No registered resource provider found for location '{location}' and API version '{version}' for type "
        f"'{'/'.join(kind.segments)}'. The supported api-versions are '{', '.join(kind.versions)}'. "
        f"The supported locations are '{location}'."
    )
    return ArmRefusal(status=400, code="NoRegisteredProviderFound", message=message)


def no_type(address: Address, version: str, supported: Iterable[str] = ()) -> ArmRefusal:
    """404 for a type that is not served, or not in this api-version."""
    versions = f" The supported api-versions are '{','.join(supported)}'." if supported else ""
    message = (
        f"The resource type '{'/'.join(address.types)}' could not be found in the namespace '{address.namespace}' "
        f"for api version '{version}'.{versions}"
    )
    return ArmRefusal(status=404, code="InvalidResourceType", message=message)


def no_namespace(namespace: str) -> ArmRefusal:
    """404 for a resource provider that is not served."""
    message = f"The resource namespace '{namespace}' is invalid."
    return ArmRefusal(status=404, code="InvalidResourceNamespace", message=message)


def malformed_subscription(subscription: str) -> ArmRefusal:
    """400 for a subscription that is not a GUID."""
    message = f"The provided subscription identifier '{subscription}' is malformed or invalid."
    return ArmRefusal(status=400, code="InvalidSubscriptionId", message=message)


def no_subscription(subscription: str) -> ArmRefusal:
    """404 for an unknown subscription."""
    message = f"The subscription '{subscription}' could not be found."
    return ArmRefusal(status=404, code="SubscriptionNotFound", message=message)


def no_group(group: str) -> ArmRefusal:
    """404 for an unknown resource group."""
    return ArmRefusal(status=404, code="ResourceGroupNotFound", message=f"Resource group '{group}' could not be found.")


def no_resource(address: Address) -> ArmRefusal:
    """404 for a resource that is not there."""
    name = "/".join(part for pair in zip(address.types, address.names, strict=False) for part in pair)
    message = (
        f"The Resource '{address.namespace}/{name}' under resource group '{address.group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return ArmRefusal(status=404, code="ResourceNotFound", message=message)


def no_site_part(name: str) -> ArmRefusal:
    """404 of Microsoft.Web itself for a part of a site that exists."""
    message = f"Cannot find SiteContainer with name {name}."
    return ArmRefusal(status=404, code="NotFound", message=message, wrapped=False)


def throttled(subscription: str, caller: str, seconds: int | None) -> ArmRefusal:
    """429 for reads beyond the limit; without seconds there is no Retry-After."""
    message = (
        f"Number of 'read' requests for subscription '{subscription}' actor '{caller}' exceeded. Please try again "
        f"after '{seconds or 0}' seconds after additional tokens are available. Refer to "
        "https://aka.ms/arm-throttling for additional information."
    )
    headers = {"x-ms-ratelimit-remaining-subscription-reads": "0"}
    if seconds is not None:
        headers["Retry-After"] = str(seconds)
    return ArmRefusal(status=429, code="SubscriptionRequestsThrottled", message=message, headers=headers)


def not_emulated(method: str, path: str) -> ArmRefusal:
    """404 for what this stand-in does not have, so that nobody takes it for Azure's answer."""
    message = f"localcloud does not emulate {method} {path}"
    return ArmRefusal(status=404, code="NotEmulated", message=message)
