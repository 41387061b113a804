"""The registry's own API: repositories, tags and manifests with their attributes."""

from localcloud.registry import routes, views
from localcloud.registry.call import Call
from localcloud.registry.flags import parse_change
from localcloud.registry.ordered import Ordered
from localcloud.registry.paging import acr_link, acr_page
from localcloud.registry.records import RepositoryRecord, TagRecord
from localcloud.registry.refusals import manifest_unknown, not_emulated, tag_unknown
from localcloud.registry.wire import Reply, json_reply


def catalog(call: Call) -> Reply:
    """List the repositories."""
    page = acr_page(call, call.store.repositories, lambda each: each.name, lambda each: each.flags.list)
    reply = json_reply(200, {"repositories": [each.name for each in page.items]})
    if page.next_query is not None:
        reply.headers.update(acr_link(page.next_query, "_catalog"))
    return reply


def repository(call: Call) -> Reply:
    """Show, change or delete a repository."""
    name = call.route.repository
    if call.method == "DELETE":
        digests, tags = call.store.delete_repository(name, call.origin)
        return json_reply(202, {"manifestsDeleted": digests, "tagsDeleted": tags or None})
    if call.method == "PATCH":
        call.store.repository(name)
        found = call.store.change_repository(name, parse_change(call.body, quarantine=False))
    else:
        found = call.store.repository(name)
    return json_reply(200, views.repository_json(call.login_server, found))


def tags(call: Call) -> Reply:
    """List the tags of a repository, or those of one digest."""
    found = call.store.repository(call.route.repository)
    listed = _tags_of(found, call.asked("digest")) if call.asked("digest") else found.tags
    page = acr_page(call, listed, lambda each: each.name, lambda each: each.flags.list)
    reply = json_reply(200, _wrapped(call, "tags", [views.tag_json(each) for each in page.items]))
    if page.next_query is not None:
        # As recorded, the next page forgets the digest: it brings tags of other digests too.
        reply.headers.update(acr_link(page.next_query, found.name, "_tags"))
    return reply


def tag(call: Call) -> Reply:
    """Show, change or remove a tag."""
    name, wanted = call.route.repository, call.route.reference
    if not routes.is_tag(wanted):
        raise tag_unknown()
    if call.method == "DELETE":
        digest = call.store.untag(name, wanted)
        reply = Reply(status=202, length=0)
        reply.headers["X-Ms-Int-Docker-Content-Digest"] = digest
        return reply
    if call.method == "PATCH":
        call.store.tag(name, wanted)
        found = call.store.change_tag(name, wanted, parse_change(call.body, quarantine=False))
    else:
        found = call.store.tag(name, wanted)
    return json_reply(200, _wrapped(call, "tag", views.tag_json(found)))


def manifests(call: Call) -> Reply:
    """List the manifests of a repository."""
    found = call.store.repository(call.route.repository)
    page = acr_page(call, found.manifests, lambda each: each.digest, lambda each: each.flags.list)
    shown = [views.manifest_json(found, each, call.options) for each in page.items]
    reply = json_reply(200, _wrapped(call, "manifests", shown))
    if page.next_query is not None:
        reply.headers.update(acr_link(page.next_query, found.name, "_manifests"))
    return reply


def manifest(call: Call) -> Reply:
    """Show or change the attributes of a manifest; only a digest names one."""
    name, digest = call.route.repository, call.route.reference
    if not routes.is_digest(digest):
        raise manifest_unknown()
    found = call.store.manifest(name, digest)
    if call.method == "PATCH":
        found = call.store.change_manifest(name, digest, parse_change(call.body, quarantine=True))
    shown = views.single_manifest_json(call.store.repository(name), found, call.options)
    return json_reply(200, _wrapped(call, "manifest", shown))


_HANDLERS = {
    routes.CATALOG: (catalog, ("GET",)),
    routes.REPOSITORY: (repository, ("GET", "PATCH", "DELETE")),
    routes.TAGS: (tags, ("GET",)),
    routes.TAG: (tag, ("GET", "PATCH", "DELETE")),
    routes.MANIFESTS: (manifests, ("GET",)),
    routes.ATTRIBUTES: (manifest, ("GET", "PATCH")),
}


def handle(call: Call) -> Reply:
    """Answer a request to the ACR API."""
    handler, methods = _HANDLERS[call.route.noun]
    if call.method not in methods:
        raise not_emulated(call.method, call.route.path)
    return handler(call)


def _tags_of(repository: RepositoryRecord, digest: str) -> Ordered[TagRecord]:
    manifest = repository.manifests.get(digest)
    found: Ordered[TagRecord] = Ordered()
    if manifest is not None:
        found.put_many((each.name, each) for each in repository.tags_of(manifest))
    return found


def _wrapped(call: Call, key: str, value: object) -> dict[str, object]:
    return {"registry": call.login_server, "imageName": call.route.repository, key: value}
