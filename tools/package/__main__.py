"""`python -m tools.package`: build dist/taglock.zip and the folder dist/app, and show what is in them."""

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.errors import ToolFailed
from tools.package.build import PACKAGES, Package, build
from tools.pins import PROJECT


def main() -> int:
    """Build, print each file of the app with its size and each package in one line, and return the exit code."""
    try:
        package = build(PROJECT, PROJECT / "dist")
    except (ToolFailed, OSError) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    print("\n".join(listing(package)))
    digest = hashlib.sha256(package.archive.read_bytes()).hexdigest()
    size = package.archive.stat().st_size
    print(f"\n{package.archive.relative_to(PROJECT)}: {len(package.names)} files, {size:,} bytes, sha256 {digest}")
    return 0


def listing(package: Package) -> Iterator[str]:
    """Yield a line for each own file, and one with a sum for each top folder of other people's packages."""
    sums: dict[str, tuple[int, int]] = {}
    with zipfile.ZipFile(package.archive) as archive:
        for entry in archive.infolist():
            path = PurePosixPath(entry.filename)
            if not path.is_relative_to(PACKAGES.as_posix()):
                yield f"{entry.file_size:>11,}  {entry.filename}"
                continue
            top = path.relative_to(PACKAGES.as_posix()).parts[0]
            files, size = sums.get(top, (0, 0))
            sums[top] = files + 1, size + entry.file_size
    for top, (files, size) in sorted(sums.items()):
        yield f"{size:>11,}  {PACKAGES.as_posix()}/{top} ({files} files)"


if __name__ == "__main__":
    sys.exit(main())
