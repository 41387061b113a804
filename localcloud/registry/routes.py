"""Paths taken apart: which noun is addressed, and what access it needs."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from localcloud.registry.options import RegistryOptions
from localcloud.registry.principal import DELETE, METADATA_READ, METADATA_WRITE, PULL, PUSH
from localcloud.registry.refusals import name_invalid

PING = "ping"
OCI_CATALOG = "oci catalog"
TAG_LIST = "tag list"
MANIFEST = "manifest"
UPLOADS = "uploads"
UPLOAD = "upload"
BLOB = "blob"
REFERRERS = "referrers"
CATALOG = "catalog"
REPOSITORY = "repository"
TAGS = "tags"
TAG = "tag"
MANIFESTS = "manifests"
ATTRIBUTES = "manifest attributes"
EXCHANGE = "exchange"
TOKEN = "token"
UNKNOWN = "unknown"

NOUNS = frozenset(
    {PING, OCI_CATALOG, TAG_LIST, MANIFEST, UPLOADS, UPLOAD, BLOB, REFERRERS, CATALOG, REPOSITORY}
    | {TAGS, TAG, MANIFESTS, ATTRIBUTES, EXCHANGE, TOKEN, UNKNOWN}
)
"""The nouns of `Fault.kind`. The attributes of a manifest are "manifest attributes" for GET, "manifest" for PATCH."""

_FIXED = {
    "/v2": PING,
    "/v2/": PING,
    "/v2/_catalog": OCI_CATALOG,
    "/acr/v1/_catalog": CATALOG,
    "/oauth2/exchange": EXCHANGE,
    "/oauth2/token": TOKEN,
}
# Behind /v2/ and /acr/v1/ a name's components never begin with "_", and the last match of a word wins.
_PATTERNS = (
    (TAG_LIST, re.compile(r"/v2/(?P<name>.+)/tags/list")),
    (MANIFEST, re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)")),
    (UPLOADS, re.compile(r"/v2/(?P<name>.+)/blobs/uploads/?")),
    (UPLOAD, re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<reference>[^/]+)")),
    (BLOB, re.compile(r"/v2/(?P<name>.+)/blobs/(?P<reference>[^/]+)")),
    (REFERRERS, re.compile(r"/v2/(?P<name>.+)/referrers/(?P<reference>[^/]+)")),
    (TAGS, re.compile(r"/acr/v1/(?P<name>.+)/_tags")),
    (TAG, re.compile(r"/acr/v1/(?P<name>.+)/_tags/(?P<reference>[^/]+)")),
    (MANIFESTS, re.compile(r"/acr/v1/(?P<name>.+)/_manifests")),
    (ATTRIBUTES, re.compile(r"/acr/v1/(?P<name>.+)/_manifests/(?P<reference>[^/]+)")),
    (REPOSITORY, re.compile(r"/acr/v1/(?!_|.*/_)(?P<name>.+)")),
)
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}", re.ASCII)
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a path addresses; `path` is decoded."""

    path: str
    noun: str
    repository: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The access a request needs: a scope with its actions; any one of `instead` will also do."""

    type: str
    name: str
    actions: tuple[str, ...]
    instead: tuple[str, ...] = ()

    @property
    def scope(self) -> str:
        """The scope as a challenge spells it."""
        return f"{self.type}:{self.name}:{','.join(self.actions)}"


def parse_route(raw_path: str) -> Route:
    """Take a path apart, percent-encoded (in either case of the digits) or not."""
    path = unquote(raw_path)
    if (noun := _FIXED.get(path)) is not None:
        return Route(path=path, noun=noun)
    for noun, pattern in _PATTERNS:
        if found := pattern.fullmatch(path):
            parts = found.groupdict()
            return Route(path=path, noun=noun, repository=parts["name"], reference=parts.get("reference", ""))
    return Route(path=path, noun=UNKNOWN)


def kind_of(method: str, route: Route) -> str:
    """Return the noun of `Fault.kind` and of the traffic record for a request."""
    return MANIFEST if route.noun == ATTRIBUTES and method == "PATCH" else route.noun


def check_name(route: Route) -> None:
    """Refuse a repository name outside the grammar."""
    name = route.repository
    if name and (len(name) > _LONGEST_NAME or not _NAME.fullmatch(name)):
        raise name_invalid(name)


def is_tag(text: str) -> bool:
    """Return whether text is a tag."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Return whether text is a digest."""
    return _DIGEST.fullmatch(text) is not None


def need_of(method: str, route: Route, options: RegistryOptions) -> Need | None:
    """Return what access a request needs; None when any caller who is known will do."""
    if route.noun in (CATALOG, OCI_CATALOG):
        return Need(type="registry", name="catalog", actions=("*",))
    if not route.repository:
        return None
    if route.noun == TAG_LIST:
        return _tag_list(route.repository, options)
    return Need(type="repository", name=route.repository, actions=_actions(method, route, options))


def _tag_list(name: str, options: RegistryOptions) -> Need:
    if options.tag_list_action == "either":
        return Need(type="repository", name=name, actions=(METADATA_READ,), instead=(PULL,))
    return Need(type="repository", name=name, actions=(options.tag_list_action,))


def _actions(method: str, route: Route, options: RegistryOptions) -> tuple[str, ...]:
    if route.noun in (REPOSITORY, TAGS, TAG, MANIFESTS, ATTRIBUTES):
        if method == "DELETE":
            return (options.untag_action if route.noun == TAG else DELETE,)
        return (METADATA_WRITE if method == "PATCH" else METADATA_READ,)
    if route.noun in (UPLOADS, UPLOAD):
        return (PULL, PUSH)
    return {"PUT": (PULL, PUSH), "DELETE": (DELETE,)}.get(method, (PULL,))
