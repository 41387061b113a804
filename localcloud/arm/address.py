"""Resource Manager's paths: a subscription, one resource, or a collection of resources; case does not matter.

A resource of Microsoft.Authorization extends another one: `scope` is the path of what it belongs to.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules and the paths in
Azure/azure-rest-api-specs.
"""

from dataclasses import dataclass, replace
from urllib.parse import unquote

EXTENDING = "microsoft.authorization"
"""The one provider of extension resources that is served."""


class InvalidAddress(ValueError):
    """A path addresses nothing that Resource Manager could have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What a path addresses, spelled as it was written.

    Without `types` it is the subscription; with a name for each type one resource; without the last name a
    collection, of the whole subscription when `group` is empty.
    """

    subscription: str
    group: str = ""
    namespace: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    scope: str = ""
    """The resource that an extension resource belongs to; empty for one of a group or a subscription."""

    @property
    def is_collection(self) -> bool:
        """Whether the last name is left out."""
        return len(self.types) > len(self.names)

    @property
    def is_resource(self) -> bool:
        """Whether one resource is addressed."""
        return bool(self.types) and not self.is_collection

    @property
    def type(self) -> str:
        """The full type, such as `Microsoft.Web/sites/slots`."""
        return "/".join((self.namespace, *self.types))

    @property
    def key(self) -> str:
        """The same text for every spelling of the same address."""
        return str(self).lower()

    @property
    def parent(self) -> "Address | None":
        """The resource this one belongs to; None for a top-level resource."""
        if len(self.types) < 2:
            return parse_address(self.scope) if self.scope else None
        return replace(self, types=self.types[:-1], names=self.names[: len(self.types) - 1])

    def child(self, kind: str, name: str) -> "Address":
        """Return a child resource of this one."""
        return replace(self, types=(*self.types, kind), names=(*self.names, name))

    def __str__(self) -> str:
        group = f"/resourceGroups/{self.group}" if self.group else ""
        provider = f"/providers/{self.namespace}" if self.namespace else ""
        pairs = (f"/{kind}/{name}" for kind, name in zip(self.types, self.names, strict=False))
        last = f"/{self.types[-1]}" if self.is_collection else ""
        above = self.scope or f"/subscriptions/{self.subscription}{group}"
        return f"{above}{provider}{''.join(pairs)}{last}"


def parse_address(path: str) -> Address:
    """Read a path, encoded or not, without its query; InvalidAddress says what was expected."""
    parts = [unquote(part) for part in path.removesuffix("/").split("/")]
    if parts[0] or not all(parts[1:]) or len(parts) < 3 or parts[1].lower() != "subscriptions":
        raise _invalid(path)
    address, rest = Address(subscription=parts[2]), parts[3:]
    if len(rest) >= 2 and rest[0].lower() == "resourcegroups":
        address, rest = replace(address, group=rest[1]), rest[2:]
    if not rest and not address.group:
        return address
    if len(rest) < 3 or rest[0].lower() != "providers":
        raise _invalid(path)
    if "providers" in (kinds := [each.lower() for each in rest[2::2]]):
        return _extension(address, rest, 2 * kinds.index("providers") + 2, path)
    if not address.group and len(rest) > (4 if rest[1].lower() == EXTENDING else 3):
        raise _invalid(path)
    return replace(address, namespace=rest[1], types=tuple(rest[2::2]), names=tuple(rest[3::2]))


def _extension(address: Address, rest: list[str], inner: int, path: str) -> Address:
    """Return the address of what extends a resource; `inner` is where the second `providers` stands."""
    extended = replace(address, namespace=rest[1], types=tuple(rest[2:inner:2]), names=tuple(rest[3:inner:2]))
    namespace, *below = rest[inner + 1 :] or [""]
    if inner < 4 or not address.group or namespace.lower() != EXTENDING or len(below) not in (1, 2):
        raise _invalid(path)
    return replace(address, namespace=namespace, types=(below[0],), names=tuple(below[1:]), scope=str(extended))


def parse_resource_id(text: str) -> Address:
    """Read the id of one resource; InvalidAddress when it addresses something else."""
    address = parse_address(text)
    if not address.is_resource:
        raise _invalid(text)
    return address


def _invalid(path: str) -> InvalidAddress:
    wanted = "/subscriptions/ID[/resourceGroups/NAME]/providers/NAMESPACE/TYPE[/NAME]..."
    return InvalidAddress(f"path {path!r}: expected {wanted}")
