"""A real root file system for the demo's images, from what the machine has; nothing is downloaded.

The busybox-static Debian package gives a working one of a single binary. Where it is not installed, files of Python's
own standard library take its place: real files too, only nothing to run.
"""

import platform
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

BUSYBOX_PLACES = (Path("/bin/busybox"), Path("/usr/bin/busybox"))
BUSYBOX_LICENCE = Path("/usr/share/doc/busybox-static/copyright")
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""Names of machines as Python gives them, and as image platforms spell them."""

STANDARD_LIBRARY_PATTERNS = ("json/*.py", "email/*.py", "http/*.py", "urllib/*.py")
ELF_INTERPRETER = 3
"""The program header type PT_INTERP: present only in binaries that need a dynamic loader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of a layer: a regular file with content, or a symbolic link to `link`."""

    path: str
    content: bytes = b""
    mode: int = 0o644
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFiles:
    """The files of a root file system and one sentence on where they come from."""

    source: str
    files: tuple[FileEntry, ...]


def machine_architecture() -> str:
    """Return this machine's architecture as image platforms spell it (`amd64`, `arm64`, else Python's own word)."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def other_architecture() -> str:
    """Return the second platform's architecture of an index built on this machine."""
    return "amd64" if machine_architecture() == "arm64" else "arm64"


def busybox_place() -> Path | None:
    """Return the path of a statically linked busybox on this machine, None when there is none."""
    return next((place for place in BUSYBOX_PLACES if place.is_file() and is_static(place.read_bytes())), None)


def is_static(binary: bytes) -> bool:
    """Tell whether a 64-bit little-endian ELF binary needs no dynamic loader (no PT_INTERP program header)."""
    if binary[:6] != b"\x7fELF\x02\x01":
        return False
    start = int.from_bytes(binary[32:40], "little")
    size = int.from_bytes(binary[54:56], "little")
    count = int.from_bytes(binary[56:58], "little")
    headers = (binary[start + size * position :][:4] for position in range(count))
    return all(int.from_bytes(kind, "little") != ELF_INTERPRETER for kind in headers)


def machine_root_files() -> RootFiles:
    """Return a root file system for this machine's own architecture: busybox when it is here."""
    place = busybox_place()
    return portable_root_files() if place is None else busybox_root_files(place)


def busybox_root_files(place: Path) -> RootFiles:
    """Return the root file system of the busybox binary at `place`, with a link for each of its commands."""
    binary = FileEntry(path="bin/busybox", content=place.read_bytes(), mode=0o755)
    listing = subprocess.run([place, "--list"], capture_output=True, check=True, text=True)
    commands = sorted(set(listing.stdout.split()) - {"busybox"})
    links = tuple(FileEntry(path=f"bin/{command}", link="busybox") for command in commands)
    licence = (
        (FileEntry(path=str(BUSYBOX_LICENCE).lstrip("/"), content=BUSYBOX_LICENCE.read_bytes()),)
        if BUSYBOX_LICENCE.is_file()
        else ()
    )
    return RootFiles(
        source=f"{place} (static, {machine_architecture()}) with links for its {len(links)} commands",
        files=(*system_files(), binary, *links, *licence),
    )


def portable_root_files() -> RootFiles:
    """Return a root file system that suits every architecture: files of Python's standard library."""
    library = Path(sysconfig.get_paths()["stdlib"])
    places = sorted(place for pattern in STANDARD_LIBRARY_PATTERNS for place in library.glob(pattern))
    files = (
        FileEntry(path=f"usr/lib/python3/{place.relative_to(library)}", content=place.read_bytes()) for place in places
    )
    return RootFiles(
        source=f"{len(places)} files of Python's standard library (the same on every architecture)",
        files=(*system_files(), *files),
    )


def system_files() -> tuple[FileEntry, ...]:
    """Return the few files that make a folder a root file system."""
    return (
        FileEntry(path="etc/group", content=b"root:x:0:\nnobody:x:65534:\n"),
        FileEntry(path="etc/os-release", content=b'ID=taglock-demo\nNAME="taglock demo"\n'),
        FileEntry(path="etc/passwd", content=b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
    )
