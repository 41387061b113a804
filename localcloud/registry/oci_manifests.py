"""The distribution API's manifests, tag list, catalog and referrers."""

from localcloud.registry import locks, routes
from localcloud.registry.call import Call
from localcloud.registry.content import INDEXES, OCI_INDEX, OCI_MANIFEST, Manifest, digest_of, parse_manifest
from localcloud.registry.paging import oci_link, oci_page
from localcloud.registry.records import ManifestRecord
from localcloud.registry.refusals import (
    Refusal,
    digest_invalid,
    manifest_invalid,
    manifest_to_pull_unknown,
    not_accepted,
    not_emulated,
    unsupported,
)
from localcloud.registry.wire import Reply, json_reply

LARGEST_MANIFEST_BYTES = 4 * 1024 * 1024


def ping(call: Call) -> Reply:
    """Say that this is a registry of the second version."""
    if call.method not in ("GET", "HEAD"):
        raise not_emulated(call.method, call.route.path)
    return json_reply(200, {})


def manifest(call: Call) -> Reply:
    """Pull, push or delete a manifest."""
    reference = call.route.reference
    if not (routes.is_tag(reference) or routes.is_digest(reference)):
        raise _reference_invalid(reference)
    handler = {"GET": _pull, "HEAD": _pull, "PUT": _push, "DELETE": _delete}.get(call.method)
    if handler is None:
        raise not_emulated(call.method, call.route.path)
    return handler(call)


def tag_list(call: Call) -> Reply:
    """List the names of a repository's tags."""
    found = call.store.repository(call.route.repository)
    page = oci_page(call, found.tags, lambda each: each.name, lambda each: each.flags.list)
    reply = json_reply(200, {"name": found.name, "tags": [each.name for each in page.items]})
    if page.last is not None:
        reply.headers.update(oci_link(page, f"/v2/{found.name}/tags/list"))  # type: ignore[arg-type]  # reads no items
    return reply


def catalog(call: Call) -> Reply:
    """List the names of the repositories."""
    page = oci_page(call, call.store.repositories, lambda each: each.name, lambda each: each.flags.list)
    reply = json_reply(200, {"repositories": [each.name for each in page.items]})
    if page.last is not None:
        reply.headers.update(oci_link(page, "/v2/_catalog"))  # type: ignore[arg-type]  # reads no items
    return reply


def referrers(call: Call) -> Reply:
    """List the manifests that name a digest as their subject; an unknown digest has none."""
    name, digest = call.route.repository, call.route.reference
    if not routes.is_digest(digest):
        raise digest_invalid(digest)
    wanted = call.asked("artifactType")
    found = [each for each in _referrers(call, name, digest) if wanted in ("", each["artifactType"])]
    reply = json_reply(200, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found})
    reply.headers["Content-Type"] = OCI_INDEX
    if wanted:
        reply.headers["OCI-Filters-Applied"] = "artifactType"
    return reply


def _pull(call: Call) -> Reply:
    found = call.store.pull(call.route.repository, call.route.reference)
    body = call.store.content(found)
    if body is None:
        raise manifest_to_pull_unknown(call.route.reference)
    _check_accept(call, found.media_type)
    reply = Reply(status=200, body=b"" if call.method == "HEAD" else body, length=len(body))
    reply.headers["Content-Type"] = found.media_type
    reply.headers["Docker-Content-Digest"] = found.digest
    reply.headers["Etag"] = f'"{found.digest}"'
    return reply


def _check_accept(call: Call, media_type: str) -> None:
    if call.options.accept_rules == "lenient" or media_type not in (OCI_MANIFEST, OCI_INDEX):
        return
    accepted = {each.partition(";")[0].strip() for each in call.accept.split(",")}
    if media_type not in accepted:
        raise not_accepted("index" if media_type in INDEXES else "manifest")


def _push(call: Call) -> Reply:
    name, reference = call.route.repository, call.route.reference
    if len(call.body) > LARGEST_MANIFEST_BYTES:
        raise manifest_invalid("request body too large")
    tag = None if routes.is_digest(reference) else reference
    digest = digest_of(call.body, reference.partition(":")[0]) if tag is None else None
    if tag is None and digest != reference:
        raise digest_invalid(reference)
    parsed = parse_manifest(call.body, call.header("Content-Type"), digest)
    record = call.store.push(name, tag, parsed, call.origin)
    reply = Reply(status=201, length=0)
    reply.headers["Docker-Content-Digest"] = record.digest
    reply.headers["Location"] = f"/v2/{name}/manifests/{record.digest}"
    if parsed.subject is not None:
        reply.headers["OCI-Subject"] = parsed.subject
    return reply


def _delete(call: Call) -> Reply:
    if not routes.is_digest(call.route.reference):
        raise unsupported("The operation is unsupported: a manifest is deleted by its digest.")
    call.store.delete_manifest(call.route.repository, call.route.reference, call.origin)
    return Reply(status=202, length=0)


def _referrers(call: Call, name: str, digest: str) -> list[dict[str, object]]:
    repository = call.store.repositories.get(name)
    if repository is None:
        return []
    found = [repository.manifests.get(each) for each in repository.referrers.get(digest, ())]
    listed = [each for each in found if each is not None and each.flags.list]
    for each in listed:
        locks.check_pull(repository, each, None, call.options)
    return [_descriptor(call, each) for each in listed]


def _descriptor(call: Call, record: ManifestRecord) -> dict[str, object]:
    body = call.store.content(record) or b""
    parsed = parse_manifest(body, record.media_type, record.digest)
    shown: dict[str, object] = {
        "mediaType": record.media_type,
        "digest": record.digest,
        "size": len(body),
        "artifactType": _artifact_type(parsed),
    }
    if parsed.annotations:
        shown["annotations"] = dict(parsed.annotations)
    return shown


def _artifact_type(parsed: Manifest) -> str:
    return parsed.artifact_type or (parsed.config.media_type if parsed.config is not None else "")


def _reference_invalid(reference: str) -> Refusal:
    if ":" in reference:
        return Refusal(400, "DIGEST_INVALID", "invalid checksum digest format", {"digest": reference})
    return Refusal(400, "TAG_INVALID", "manifest tag did not match URI", {"tag": reference})
