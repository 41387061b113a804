# Build what is deployed, as `make package` does: there is no make on Windows.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false

$python = '.venv/Scripts/python.exe'
if (-not (Test-Path $python)) {
    py -3.13 -m venv .venv
    if ($LASTEXITCODE -ne 0) { throw 'Python 3.13 is needed to build the package' }
}
& $python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
if ($LASTEXITCODE -ne 0) { throw 'requirements-dev.txt could not be installed' }
& $python -m tools.package
if ($LASTEXITCODE -ne 0) { throw 'the package could not be built' }
