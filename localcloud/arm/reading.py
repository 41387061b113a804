"""GET of a subscription, a resource or a collection, once the caller is known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.arm import refusals
from localcloud.arm.address import EXTENDING, Address, parse_resource_id
from localcloud.arm.kinds import (
    NAMESPACES,
    REGISTRY,
    ROLE_ASSIGNMENT,
    SOFT_DELETE_VERSIONS,
    SUBSCRIPTION_VERSIONS,
    Kind,
    kind_of,
)
from localcloud.arm.options import ArmOptions
from localcloud.arm.paging import Page, empty_page, next_link, page_of
from localcloud.arm.refusals import ArmRefusal
from localcloud.arm.roles import Roles
from localcloud.arm.shapes import Body, View, has_site_config, shown, with_site_config
from localcloud.arm.store import Store, is_within
from localcloud.identity import TENANT, Holder

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-[a-z]+)?", re.ASCII)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_LOCATION = "westeurope"
AT_SCOPE = "atscope()"
"""The filter for role assignments at a scope and above it
(https://learn.microsoft.com/rest/api/authorization/role-assignments/list-for-scope)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for, by whom, in which api-version, and after which entry of a collection."""

    address: Address
    version: str
    caller: Holder
    token: str | None = None
    filter: str | None = None

    @property
    def action(self) -> str:
        """The permission that the answer needs, such as `Microsoft.Web/sites/read`."""
        if not self.address.types:
            return "Microsoft.Resources/subscriptions/read"
        kind = kind_of(self.address.type)
        return f"{kind.type if kind is not None else self.address.type}/read"


class Reader:
    """Answers questions from the store."""

    def __init__(self, *, store: Store, options: ArmOptions, roles: Roles) -> None:
        self._store = store
        self._options = options
        self._roles = roles
        self.endpoint = ""

    def answer(self, question: Question) -> Body:
        """Return the body of a 200, or raise the refusal; rights are checked before anything is told."""
        address = question.address
        self._check_subscription(address)
        kind = self._kind(question)
        self._check_right(question)
        self._check_version(question, kind)
        if kind is None:
            return _subscription(address.subscription)
        if address.group and not self._store.has_group(address):
            raise refusals.no_group(address.group)
        self._check_parent(address)
        return self._list(question, kind) if address.is_collection else self._item(question, kind)

    def _check_subscription(self, address: Address) -> None:
        if not _GUID.fullmatch(address.subscription):
            raise refusals.malformed_subscription(address.subscription)
        if not self._store.has_subscription(address.subscription):
            raise refusals.no_subscription(address.subscription)

    def _kind(self, question: Question) -> Kind | None:
        address = question.address
        if not address.types:
            return None
        if address.namespace.lower() not in NAMESPACES:
            raise refusals.no_namespace(address.namespace)
        kind = kind_of(address.type)
        if kind is None or (address.is_resource and not address.group and not kind.extends):
            raise refusals.no_type(address, question.version)
        return kind

    def _check_right(self, question: Question) -> None:
        caller, address = question.caller, question.address
        scope = str(_list_scope(address))
        if self._roles.may_read(caller.principal.name, scope):
            return
        filtered = self._options.list_without_right == "filtered"
        if not (filtered and address.is_collection and not address.group):
            ids = {"client_id": caller.client_id, "object_id": caller.object_id}
            raise refusals.forbidden(question.action, scope, **ids)

    def _check_version(self, question: Question, kind: Kind | None) -> None:
        version = question.version.lower()
        versions = kind.versions if kind is not None else SUBSCRIPTION_VERSIONS
        if version in versions:
            return
        if kind is None or not _VERSION.fullmatch(version):
            raise refusals.invalid_version(question.version, versions)
        if self._options.unsupported_version == "no_type":
            raise refusals.no_type(question.address, question.version, versions)
        raise refusals.no_provider(question.version, kind, self._location(question.address))

    def _location(self, address: Address) -> str:
        stored = self._store.get(address) if address.is_resource else None
        return str((stored or {}).get("location", _LOCATION))

    def _check_parent(self, address: Address) -> None:
        parent = address.parent
        while parent is not None:
            if self._store.get(parent) is None:
                raise refusals.no_resource(parent)
            parent = parent.parent

    def _item(self, question: Question, kind: Kind) -> Body:
        stored = self._store.get(question.address)
        if stored is None:
            raise _absent(question.address, kind)
        return self._shown(question, kind, stored, View.ITEM)

    def _list(self, question: Question, kind: Kind) -> Body:
        address, options = question.address, self._options
        keys = [key for key in self._filtered(question, kind) if self._is_shown(question, key)]
        if options.first_page == "empty" and question.token is None:
            page = empty_page()
        else:
            page = _page(keys, question.token, options.page_size)
        document: Body = {"value": [self._shown(question, kind, self._store.at(key), View.LIST) for key in page.keys]}
        if page.token is not None:
            document["nextLink"] = next_link(self.endpoint, str(address), question.version, page.token)
        elif options.last_next_link == "null":
            document["nextLink"] = None
        return document

    def _filtered(self, question: Question, kind: Kind) -> list[str]:
        """Return the keys of a collection; of all filters only that of role assignments is there."""
        keys = self._store.keys(question.address)
        if question.filter is None:
            return keys
        if kind.type != ROLE_ASSIGNMENT or question.filter.replace(" ", "").lower() != AT_SCOPE:
            raise refusals.not_emulated("GET", f"{question.address}?$filter={question.filter}")
        scope = question.address.key.rpartition("/providers/")[0]
        return [key for key in keys if is_within(scope, key.rpartition("/providers/")[0])]

    def _is_shown(self, question: Question, key: str) -> bool:
        if is_extension(key):
            return True  # the right at the collection's own scope was checked; what is above it is told too
        return self._roles.may_read(question.caller.principal.name, key)

    def _shown(self, question: Question, kind: Kind, stored: Mapping[str, Any], view: View) -> Body:
        body = shown(kind.type, stored, view)
        if kind.type == REGISTRY and question.version.lower() not in SOFT_DELETE_VERSIONS:
            (body["properties"].get("policies") or {}).pop("softDeletePolicy", None)
        if has_site_config(kind.type):
            config = self._store.get(parse_resource_id(str(stored["id"])).child("config", "web"))
            body = with_site_config(body, config, self._options.site_config)
        if self._options.id_case == "lower":
            body["id"] = str(body["id"]).lower()
        return body


def is_extension(key: str) -> bool:
    """Return whether a key is that of an extension resource."""
    return f"/providers/{EXTENDING}/" in key


def _list_scope(address: Address) -> Address:
    """Return where the right to read is needed: for a collection at what it belongs to."""
    if not address.is_collection:
        return address
    parent = address.parent
    return parent if parent is not None else Address(subscription=address.subscription, group=address.group)


def _page(keys: list[str], token: str | None, size: int) -> Page:
    try:
        return page_of(keys, token=token, size=size)
    except ValueError as error:
        raise ArmRefusal(status=400, code="InvalidSkipToken", message=str(error)) from error


def _absent(address: Address, kind: Kind) -> ArmRefusal:
    if kind.segments[-1] == "sitecontainers":
        return refusals.no_site_part(address.names[-1])
    return refusals.no_resource(address)


def _subscription(subscription: str) -> Body:
    return {
        "id": f"/subscriptions/{subscription}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription,
        "tenantId": TENANT,
        "displayName": "localcloud",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }
