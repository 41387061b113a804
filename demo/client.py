"""A small registry client for pushing and checking, over plain HTTPS with the standard library alone.

It shares no code with taglock: what it reads is judged apart from the code that locked. Sources: the OCI distribution
specification 1.1, the token flow of https://distribution.github.io/distribution/spec/auth/token/ and the attribute API
of Azure Container Registry (`/acr/v1`).
"""

import base64
import http.client
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, urlencode, urlsplit

from demo.images import INDEX, MANIFEST, Blob, Manifest, digest_of

TIMEOUT_SECONDS = 30.0
ACCEPT = f"{MANIFEST}, {INDEX}"
CHALLENGE_FIELD = re.compile(r'(\w+)="([^"]*)"')

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

type Json = dict[str, object]


class UnexpectedAnswer(Exception):
    """The registry answered something else than the step needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the registry answered: status, headers (names in lower case) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> Json:
        """Return the body as a JSON object, or raise UnexpectedAnswer."""
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise UnexpectedAnswer(f"{found!r}, expected a JSON object")
        return found

    def __str__(self) -> str:
        return f"{self.status} {self.body[:200].decode(errors='replace')}"

    def error_code(self) -> str:
        """Return the code of the first error in the body, '' when there is none."""
        try:
            return str(json.loads(self.body)["errors"][0]["code"])
        except (ValueError, LookupError, TypeError):
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where a registry is and who asks: `endpoint` is `https://host:port`, `name` the login server."""

    endpoint: str
    name: str
    username: str
    password: str
    ca_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """The changeable attributes of a tag or manifest, True where they are on."""

    delete: bool
    write: bool
    list: bool
    read: bool
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request about one repository: `path` is what follows the repository's name."""

    method: str
    api: str
    repository: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = NO_HEADERS

    @property
    def target(self) -> str:
        """The request target: path and query."""
        return f"/{self.api}/{self.repository}/{self.path}"

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


class RegistryClient:
    """Push, read and try to change images of one registry as its admin user."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self._trust = ssl.create_default_context(cafile=login.ca_file)
        self._tokens: dict[tuple[str, str, str], str] = {}

    def push(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Push a closure, children first, the root under `reference`."""
        *children, root = manifest.closure()
        for child in children:
            self._push_one(repository, child.digest, child)
        self._push_one(repository, reference, root)

    def push_blob(self, repository: str, blob: Blob) -> None:
        """Upload a blob unless the repository has it."""
        digest = digest_of(blob.content)
        if self.ask(v2("HEAD", repository, f"blobs/{digest}")).status == HTTPStatus.OK:
            return
        started = self._expect(202, v2("POST", repository, "blobs/uploads/"))
        where = urlsplit(started.headers["location"])
        query = "&".join(part for part in (where.query, urlencode({"digest": digest})) if part)
        path = f"{where.path.removeprefix(f'/v2/{repository}/')}?{query}"
        headers = {"Content-Type": "application/octet-stream"}
        self._expect(201, v2("PUT", repository, path, body=blob.content, headers=headers))

    def tag(self, repository: str, tag: str) -> Attributes:
        """Read a tag's attributes and the digest it points to."""
        return self._attributes(repository, f"_tags/{quote(tag)}", "tag")

    def manifest(self, repository: str, digest: str) -> Attributes:
        """Read a manifest's attributes."""
        return self._attributes(repository, f"_manifests/{digest}", "manifest")

    def pull_manifest(self, repository: str, reference: str) -> bytes:
        """Return the bytes of a manifest."""
        return self._expect(200, v2("GET", repository, f"manifests/{reference}", headers={"Accept": ACCEPT})).body

    def pull_blob(self, repository: str, digest: str) -> bytes:
        """Return the bytes of a blob."""
        return self._expect(200, v2("GET", repository, f"blobs/{digest}")).body

    def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> Answer:
        """Put one manifest under a tag or digest, without its content, and return the answer as it is."""
        headers = {"Content-Type": manifest.media_type}
        return self.ask(v2("PUT", repository, f"manifests/{reference}", body=manifest.content, headers=headers))

    def delete_tag(self, repository: str, tag: str) -> Answer:
        """Try to delete a tag and return the answer as it is."""
        return self.ask(acr("DELETE", repository, f"_tags/{quote(tag)}"))

    def delete_manifest(self, repository: str, digest: str) -> Answer:
        """Try to delete a manifest and return the answer as it is."""
        return self.ask(v2("DELETE", repository, f"manifests/{digest}"))

    def ask(self, request: Request) -> Answer:
        """Send a request; when it is refused with a challenge, send it once more with a token for that scope."""
        purpose = (request.method, request.api, request.repository)
        answer = self._send(request, bearer(self._tokens.get(purpose)))
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status != HTTPStatus.UNAUTHORIZED or not challenge.startswith("Bearer "):
            return answer
        token = self._tokens[purpose] = self._token(challenge)
        return self._send(request, bearer(token))

    def _push_one(self, repository: str, reference: str, manifest: Manifest) -> None:
        for blob in manifest.blobs:
            self.push_blob(repository, blob)
        answer = self.put_manifest(repository, reference, manifest)
        if answer.status != HTTPStatus.CREATED:
            raise UnexpectedAnswer(f"push of {repository}:{reference}: {answer}, expected 201")

    def _attributes(self, repository: str, path: str, kind: str) -> Attributes:
        found = self._expect(200, acr("GET", repository, path)).document()[kind]
        if not isinstance(found, dict):
            raise UnexpectedAnswer(f"{found!r}, expected a {kind} as a JSON object")
        on = found["changeableAttributes"]
        return Attributes(
            digest=str(found["digest"]),
            delete=on["deleteEnabled"],
            write=on["writeEnabled"],
            list=on["listEnabled"],
            read=on["readEnabled"],
        )

    def _expect(self, status: int, request: Request) -> Answer:
        answer = self.ask(request)
        if answer.status != status:
            raise UnexpectedAnswer(f"{request}: {answer}, expected {status}")
        return answer

    def _token(self, challenge: str) -> str:
        fields = dict(CHALLENGE_FIELD.findall(challenge))
        path = urlsplit(fields["realm"]).path
        query = urlencode({"service": fields["service"], "scope": fields.get("scope", "")})
        user = base64.b64encode(f"{self.login.username}:{self.login.password}".encode()).decode()
        answer = self._exchange("GET", f"{path}?{query}", b"", {"Authorization": f"Basic {user}"})
        if answer.status != HTTPStatus.OK:
            raise UnexpectedAnswer(f"GET {path}: {answer}, expected 200")
        return str(answer.document()["access_token"])

    def _send(self, request: Request, authorization: Mapping[str, str]) -> Answer:
        return self._exchange(request.method, request.target, request.body, {**request.headers, **authorization})

    def _exchange(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        where = urlsplit(self.login.endpoint)
        connection = http.client.HTTPSConnection(
            where.hostname or "", where.port, timeout=TIMEOUT_SECONDS, context=self._trust
        )
        try:
            connection.request(method, target, body, {"Host": self.login.name, **headers})
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=named, body=response.read())
        finally:
            connection.close()


def v2(
    method: str, repository: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
) -> Request:
    """Return a request of the OCI distribution API."""
    return Request(method=method, api="v2", repository=repository, path=path, body=body, headers=headers)


def acr(method: str, repository: str, path: str) -> Request:
    """Return a request of the registry's own attribute API."""
    return Request(method=method, api="acr/v1", repository=repository, path=path)


def bearer(token: str | None) -> dict[str, str]:
    """Return the header that carries a token, nothing without one."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}
