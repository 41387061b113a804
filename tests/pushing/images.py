"""Small manifests for the emulated registry: exact bytes, no blobs (the emulator is told to take them)."""

import json

from localcloud.registry.content import Manifest, parse_manifest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY_CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "0" * 64, "size": 2}


def _manifest(document: dict[str, object], media_type: str) -> Manifest:
    return parse_manifest(json.dumps(document).encode(), media_type)


def plain(name: str, *, config_type: str = "application/vnd.oci.image.config.v1+json") -> Manifest:
    """An image whose digest follows from its name."""
    config = {**EMPTY_CONFIG, "mediaType": config_type}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    return _manifest({**document, "annotations": {"name": name}}, OCI_MANIFEST)


def referrer(name: str, *, subject: Manifest) -> Manifest:
    """An artifact that refers to another manifest, as a signature does."""
    about = {"mediaType": subject.media_type, "digest": subject.digest, "size": len(subject.body)}
    config = {**EMPTY_CONFIG, "mediaType": "application/vnd.example.signature"}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [], "subject": about}
    return _manifest({**document, "annotations": {"name": name}}, OCI_MANIFEST)


def index(*children: Manifest, platforms: bool = True, name: str = "") -> Manifest:
    """An index; the last of several children is an attestation, as BuildKit writes it."""
    entries = []
    for number, child in enumerate(children):
        entry: dict[str, object] = {"mediaType": child.media_type, "digest": child.digest, "size": len(child.body)}
        if platforms and not child.is_index:
            attestation = number == len(children) - 1 and len(children) > 2
            system = "unknown" if attestation else "linux"
            entry["platform"] = {"architecture": system if attestation else f"arch{number}", "os": system}
        entries.append(entry)
    document: dict[str, object] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return _manifest({**document, "annotations": {"name": name}}, OCI_INDEX)
