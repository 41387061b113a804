"""The distribution API's blobs: pull, upload in one or many pieces, mount, delete."""

import re

from localcloud.registry import locks, routes
from localcloud.registry.blobs import Upload
from localcloud.registry.call import Call
from localcloud.registry.principal import PULL
from localcloud.registry.refusals import Refusal, digest_invalid, not_emulated, upload_invalid
from localcloud.registry.routes import Need
from localcloud.registry.wire import Reply

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_CONTENT_RANGE = re.compile(r"(?:bytes )?(\d{1,18})-(\d{1,18})(?:/.*)?", re.ASCII)


def blob(call: Call) -> Reply:
    """Pull or delete a blob."""
    name, digest = call.route.repository, call.route.reference
    if not routes.is_digest(digest):
        raise digest_invalid(digest)
    if call.method == "DELETE":
        return _delete(call, name, digest)
    if call.method not in ("GET", "HEAD"):
        raise not_emulated(call.method, call.route.path)
    body = call.store.blobs.get(name, digest)
    if (repository := call.store.repositories.get(name)) is not None:
        locks.check_pull_blob(repository, digest, call.options)
    reply = _content(call, body)
    reply.headers["Docker-Content-Digest"] = digest
    reply.headers["Etag"] = f'"{digest}"'
    return reply


def uploads(call: Call) -> Reply:
    """Start an upload, mount a blob of another repository, or take a blob at once."""
    if call.method != "POST":
        raise not_emulated(call.method, call.route.path)
    name = call.route.repository
    locks.check_upload(call.store.repositories.get(name), call.options)
    if _mounted(call, name):
        return _created(name, call.asked("mount"))
    if digest := call.asked("digest"):
        return _created(name, call.store.blobs.put(name, call.body, _checked(digest)))
    return _progress(call.store.blobs.start(name), 202)


def upload(call: Call) -> Reply:
    """Continue, finish, show or cancel an upload."""
    name, blobs = call.route.repository, call.store.blobs
    found = blobs.upload(name, call.route.reference)
    if call.method == "GET":
        return _progress(found, 204)
    if call.method == "DELETE":
        blobs.cancel(found)
        return Reply(status=204)
    if call.method not in ("PATCH", "PUT"):
        raise not_emulated(call.method, call.route.path)
    locks.check_upload(call.store.repositories.get(name), call.options)
    digest = _checked(call.asked("digest")) if call.method == "PUT" else ""
    blobs.append(found, call.body, _start(call))
    return _created(name, blobs.finish(found, digest)) if digest else _progress(found, 202)


def _delete(call: Call, name: str, digest: str) -> Reply:
    if (repository := call.store.repositories.get(name)) is not None:
        locks.check_delete_blob(repository)
    call.store.blobs.remove(name, digest)
    return Reply(status=202, length=0)


def _content(call: Call, body: bytes) -> Reply:
    first, last = _asked_range(call.header("Range"), len(body))
    part = body[first : last + 1]
    reply = Reply(status=200 if len(part) == len(body) else 206, length=len(part))
    if call.method == "GET":
        reply.body = part
    if reply.status == 206:
        reply.headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    reply.headers["Content-Type"] = "application/octet-stream"
    reply.headers["Accept-Ranges"] = "bytes"
    return reply


def _asked_range(text: str, length: int) -> tuple[int, int]:
    found = _RANGE.fullmatch(text)
    if found is None or found[0] == "bytes=-":
        return 0, length - 1
    if found[1]:
        first, last = int(found[1]), min(int(found[2] or length - 1), length - 1)
    else:
        first, last = max(length - int(found[2]), 0), length - 1
    if first > last:
        headers = {"Content-Range": f"bytes */{length}"}
        raise Refusal(416, "RANGE_INVALID", "invalid content range", headers=headers)
    return first, last


def _mounted(call: Call, name: str) -> bool:
    digest, source = call.asked("mount"), call.asked("from")
    if not (digest and source):
        return False
    need = Need(type="repository", name=source, actions=(PULL,))
    # Without the right to pull from the source the registry starts an ordinary upload, as the specification asks.
    permitted = call.access is not None and call.access.allows(need)
    return permitted and call.store.blobs.mount(source, name, digest)


def _start(call: Call) -> int | None:
    text = call.header("Content-Range")
    if not text:
        return None
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None or int(found[2]) - int(found[1]) + 1 != len(call.body):
        raise upload_invalid(f"Content-Range is {text!r} for {len(call.body)} bytes", 416)
    return int(found[1])


def _checked(digest: str) -> str:
    if not routes.is_digest(digest):
        raise digest_invalid(digest)
    return digest


def _created(name: str, digest: str) -> Reply:
    reply = Reply(status=201, length=0)
    reply.headers["Location"] = f"/v2/{name}/blobs/{digest}"
    reply.headers["Docker-Content-Digest"] = digest
    return reply


def _progress(found: Upload, status: int) -> Reply:
    reply = Reply(status=status, length=0 if status == 202 else None)
    state = f"_nouploadcache=false&_state={found.id.replace('-', '')}"
    reply.headers["Location"] = f"/v2/{found.repository}/blobs/uploads/{found.id}?{state}"
    reply.headers["Docker-Upload-Uuid"] = found.id
    reply.headers["Range"] = f"0-{max(len(found.received) - 1, 0)}"
    return reply
