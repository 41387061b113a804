"""One request to Azure Resource Manager, as a plain value that every part of its adapter shares."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlsplit

from taglock.errors import ArmError, InvalidConfiguration

MEBIBYTE = 1 << 20
UNTRUSTED = "UNTRUSTED_ANSWER"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCall:
    """A GET: `path` starts with `/`, is already escaped and has its query; `target` is the resource, for messages."""

    path: str
    operation: str
    target: str
    subscription: str

    def error(self, reason: str, *, status: int | None = None, code: str = "", after: float | None = None) -> ArmError:
        """Build the error of this call; `after` is Retry-After in seconds."""
        return ArmError(
            reason, operation=self.operation, target=self.target, status=status, code=code, retry_after=after
        )

    def untrusted(self, reason: str, status: int | None = None) -> ArmError:
        """Build the error for an answer that must not be believed; None when it never came to an answer."""
        error = self.error(reason, status=status, code=UNTRUSTED)
        error.transient = True  # bounded by the due work's last attempt; an operator is told then
        return error

    def unavailable(self, reason: str) -> ArmError:
        """Build the error for no usable answer."""
        return self.error(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmOptions:
    """How to talk to Azure Resource Manager; times in seconds.

    A subscription may read 12,000 times an hour and identity, in bursts of 250
    (https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling).
    """

    audience: str = "https://management.azure.com"
    """The Entra resource to ask a token for; another one in the sovereign clouds."""
    request_timeout_seconds: float = 10.0
    """For one request; a call with everything it may need (token, one retry, waiting) is bounded by twice that."""
    maximum_body_bytes: int = 16 * MEBIBYTE
    maximum_pages: int = 1_000
    connections: int = 8
    user_agent: str = "taglock"
    monotonic: Callable[[], float] = monotonic
    """A clock that never goes back; tests set it."""


def arm_host(endpoint: str) -> str:
    """Return the host, with its port unless that is 443, of an https endpoint or raise InvalidConfiguration."""
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        usable = usable and parts.path in ("", "/") and not parts.query and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        raise InvalidConfiguration.at("arm_endpoint", endpoint, "an https URL such as 'https://management.azure.com'")
    return parts.netloc.lower().removesuffix(":443")
