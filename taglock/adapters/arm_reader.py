"""Azure Resource Manager: read which images a resource runs."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from taglock.domain.arm_resource import ArmWorkload, ResourceId

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


def open_arm(endpoint: str, *, credential: "AsyncTokenCredential") -> "ArmReader":
    """Return the reader of an endpoint such as https://management.azure.com, without any network.

    The caller closes it, and owns the credential. Raises InvalidConfiguration unless the endpoint is https.
    """
    raise NotImplementedError


class ArmReader:
    """Implements ports.Arm."""

    async def workload(self, resource: ResourceId) -> ArmWorkload | None:
        """Read what a resource runs, None when it is gone; raises ArmError."""
        raise NotImplementedError

    def workloads(self, subscription: str) -> AsyncIterator[ArmWorkload]:
        """Read every resource of a subscription that may run images, page by page; raises ArmError."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close every connection."""
        raise NotImplementedError
