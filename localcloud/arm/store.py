"""The resources that exist, by address, whatever case they are asked for in."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from localcloud.arm.address import Address, parse_resource_id
from localcloud.arm.derived import derived
from localcloud.arm.kinds import KINDS, LOCK, ROLE_ASSIGNMENT, Kind, kind_of
from localcloud.arm.shapes import Body


class InvalidResource(ValueError):
    """A body cannot be stored as a resource; the text says what was expected."""


class Store:
    """Bodies by address, and the subscriptions and resource groups that are known."""

    def __init__(self, subscriptions: Iterable[str] = ()) -> None:
        self._first = tuple(subscriptions)
        self._bodies: dict[str, Body] = {}
        self._addresses: dict[str, Address] = {}
        self._groups: set[str] = set()
        self.subscriptions = list(self._first)

    def put(self, resource_id: str, body: Mapping[str, Any]) -> Address:
        """Create or replace a resource and what its provider derives from it; return its address.

        InvalidAddress or InvalidResource when it has another type than those served, or no parent.
        """
        address = parse_resource_id(resource_id)
        kind = _served(address)
        if address.parent is not None and address.parent.key not in self._bodies:
            raise InvalidResource(f"resource {resource_id!r}: expected its parent {str(address.parent)!r} to be there")
        _check_body(resource_id, body)
        self._keep(kind, address, body)
        for made, made_body in list(derived(kind.type, address, body, self._bodies)):
            self._keep(_served(made), made, made_body)
        return self._addresses[address.key]

    def delete(self, resource_id: str) -> Address:
        """Remove a resource with its children and return its address; KeyError when it is not there."""
        key = parse_resource_id(resource_id).key
        if key not in self._bodies:
            raise KeyError(resource_id)
        address = self._addresses[key]
        for each in [each for each in self._bodies if each == key or each.startswith(f"{key}/")]:
            del self._bodies[each], self._addresses[each]
        return address

    def get(self, address: Address) -> Mapping[str, Any] | None:
        """Return the stored body of a resource, or None."""
        return self._bodies.get(address.key)

    def at(self, key: str) -> Mapping[str, Any]:
        """Return the stored body of a key from `keys`."""
        return self._bodies[key]

    def keys(self, collection: Address) -> list[str]:
        """Return the keys of a collection's resources, sorted."""
        wanted = collection.type.lower()
        if kind_of(wanted) == kind_of(ROLE_ASSIGNMENT):
            return self._role_assignments(collection)
        parent = collection.key.removesuffix(f"/{collection.types[-1].lower()}")
        if wanted == LOCK.lower():
            parent = _scope_of(collection.key)  # the locks at the scope, and of everything below it
        inside = parent if collection.group else f"/subscriptions/{collection.subscription.lower()}"
        return sorted(
            key
            for key, address in self._addresses.items()
            if address.type.lower() == wanted and key.startswith(f"{inside}/")
        )

    def _role_assignments(self, collection: Address) -> list[str]:
        """Return the keys of role assignments at the scope of a collection, above it and below it."""
        scope = _scope_of(collection.key)
        wanted = ROLE_ASSIGNMENT.lower()
        return sorted(
            key
            for key, address in self._addresses.items()
            if address.type.lower() == wanted and (is_within(scope, _scope_of(key)) or is_within(_scope_of(key), scope))
        )

    def has_group(self, address: Address) -> bool:
        """Return whether the resource group of an address exists; it outlives its resources."""
        return f"{address.subscription}/{address.group}".lower() in self._groups

    def has_subscription(self, subscription: str) -> bool:
        """Return whether a subscription is known."""
        return subscription.lower() in {each.lower() for each in self.subscriptions}

    def bodies(self) -> list[Body]:
        """Return everything that is stored, secrets included, sorted by address."""
        return [deepcopy(self._bodies[key]) for key in sorted(self._bodies)]

    def clear(self) -> None:
        """Forget everything but the first subscriptions."""
        self._bodies.clear()
        self._addresses.clear()
        self._groups.clear()
        self.subscriptions = list(self._first)

    def _keep(self, kind: Kind, address: Address, body: Mapping[str, Any]) -> None:
        # The first spelling stays, as in Azure, where a write in another case does not rename anything.
        kept = self._addresses.setdefault(address.key, address)
        own = {"id": str(kept), "name": kept.names[-1], "type": kind.type}
        self._bodies[kept.key] = {**own, **deepcopy(dict(body)), **own}
        if address.group:
            self._groups.add(f"{address.subscription}/{address.group}".lower())
        if not self.has_subscription(address.subscription):
            self.subscriptions.append(address.subscription)


def is_within(scope: str, above: str) -> bool:
    """Return whether a scope is another one or lies below it; both in lower case."""
    return f"{scope}/".startswith(f"{above}/")


def _scope_of(key: str) -> str:
    """Return the scope that an extension resource, or a collection of such, belongs to."""
    return key.rpartition("/providers/")[0]


def _served(address: Address) -> Kind:
    kind = kind_of(address.type)
    if kind is None or not (address.group or kind.extends):
        wanted = ", ".join(each.type for each in KINDS.values())
        raise InvalidResource(f"type {address.type!r}: expected one of {wanted}, in a resource group")
    return kind


def _check_body(resource_id: str, body: Mapping[str, Any]) -> None:
    if not isinstance(body, Mapping) or not isinstance(body.get("properties"), Mapping):
        raise InvalidResource(f"body of {resource_id!r} is {body!r}, expected an object with `properties`")
