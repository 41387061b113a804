"""Who pulls: the checking client over plain HTTPS, Microsoft's SDK, and skopeo where it is installed."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from demo.attack import LOCKED, refusal_of
from demo.client import ACCEPT, Login, RegistryClient, v2
from demo.cloud import Cloud
from demo.images import digest_of

DISALLOWED = "disallowed"
"""What came of a pull that the registry refuses because read is off: 405 REGISTRY_DISALLOWED_OPERATION."""
SDK_SAYS = "405"
SKOPEO_SAYS = "The operation is disallowed on this registry, repository or image"
"""The message of that refusal; skopeo tells neither status nor code."""

type Pull = Callable[[str, Sequence[str]], Mapping[str, str]]
"""What came of each reference of a repository: the digest of what was pulled, DISALLOWED, or what else was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Puller:
    """One client, and how it pulls."""

    name: str
    pull: Pull


def pullers(cloud: Cloud, client: RegistryClient) -> tuple[Puller, ...]:
    """Return everybody who can pull here."""
    skopeo = shutil.which("skopeo")
    with_skopeo = (Puller(name="skopeo", pull=SkopeoPull(skopeo, cloud.login)),) if skopeo is not None else ()
    return (
        Puller(name="HTTPS", pull=HttpsPull(client)),
        Puller(name="Azure SDK", pull=SdkPull(cloud)),
        *with_skopeo,
    )


class HttpsPull:
    """Pulls with the checking client."""

    def __init__(self, client: RegistryClient) -> None:
        self._client = client

    def __call__(self, repository: str, references: Sequence[str]) -> Mapping[str, str]:
        """Return what came of each reference."""
        return {reference: self._one(repository, reference) for reference in references}

    def _one(self, repository: str, reference: str) -> str:
        answer = self._client.ask(v2("GET", repository, f"manifests/{reference}", headers={"Accept": ACCEPT}))
        if answer.status == HTTPStatus.OK:
            return digest_of(answer.body)
        return DISALLOWED if refusal_of(answer) in LOCKED else str(answer)


class SdkPull:
    """Pulls with Microsoft's SDK, in a process of its own."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def __call__(self, repository: str, references: Sequence[str]) -> Mapping[str, str]:
        """Return what came of each reference."""
        ran = self._cloud.command("demo.sdk_pull", repository, *references)
        if ran.returncode != 0:
            return dict.fromkeys(references, ran.stderr[-500:])
        found = json.loads(ran.stdout)
        return {reference: DISALLOWED if said == SDK_SAYS else said for reference, said in found.items()}


class SkopeoPull:
    """Pulls manifests with skopeo as the admin user."""

    def __init__(self, skopeo: str, login: Login) -> None:
        self._skopeo = skopeo
        self._login = login

    def __call__(self, repository: str, references: Sequence[str]) -> Mapping[str, str]:
        """Return what came of each reference."""
        with tempfile.TemporaryDirectory(prefix="taglock-demo-trust-") as folder:  # skopeo reads files `*.crt` alone
            shutil.copy(self._login.ca_file, Path(folder) / "ca.crt")
            return {reference: self._one(repository, reference, trust=folder) for reference in references}

    def _one(self, repository: str, reference: str, *, trust: str) -> str:
        login, separator = self._login, "@" if reference.startswith("sha256:") else ":"
        access = ("--cert-dir", trust, "--creds", f"{login.username}:{login.password}")
        image = f"docker://{login.name}/{repository}{separator}{reference}"
        ran = subprocess.run((self._skopeo, "inspect", "--raw", *access, image), capture_output=True, check=False)
        if ran.returncode == 0:
            return digest_of(ran.stdout)
        said = ran.stderr.decode(errors="replace")
        return DISALLOWED if SKOPEO_SAYS in said else said[-500:]
