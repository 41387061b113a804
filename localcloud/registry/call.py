"""One request as the handlers see it: read completely, with its caller known."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from localcloud.registry.access import Access
from localcloud.registry.events import Origin
from localcloud.registry.options import RegistryOptions
from localcloud.registry.routes import Route
from localcloud.registry.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request and the registry it is made to."""

    method: str
    route: Route
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    accept: str
    body: bytes
    origin: Origin
    access: Access | None
    login_server: str
    store: Store
    options: RegistryOptions

    def asked(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    def header(self, name: str) -> str:
        """Return a header's value or the empty text."""
        return self.headers.get(name, "")


def parse_query(text: str) -> dict[str, list[str]]:
    """Return the parameters of a query or a form."""
    return parse_qs(text, keep_blank_values=True)
