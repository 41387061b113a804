"""The table opened as in Azure: HTTPS, and a token of an identity instead of a key."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
import trustme

from tests.azurite import install, running

PROJECT = Path(__file__).resolve().parents[3]

USE_THE_LEDGER = """
import asyncio, sys
from azure.core.credentials import AccessToken
from taglock.adapters.ledger_tables import open_tables
from taglock.domain.row import Insert, RowKey
from taglock.errors import LedgerError

class Identity:
    async def get_token(self, *scopes, **options):
        assert scopes == ("https://storage.azure.com/.default",), scopes
        return AccessToken(sys.argv[2], 4_000_000_000)

async def main():
    rows = open_tables(sys.argv[1], credential=Identity())
    key = RowKey("p", "prod/api:1.4.2")
    try:
        await rows.write([Insert(key, b"locked")])
        print((await rows.read([key]))[0].body.decode(), len(await rows.scan("p")))
    except LedgerError as error:
        print("LedgerError", "Storage Table Data Contributor" in str(error))
    await rows.aclose()

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class SecureTables:
    endpoint: str
    ca_file: Path

    async def use(self, token: str) -> str:
        """Use the ledger in a process that trusts SSL_CERT_FILE and must mind no proxy; return what it said."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", USE_THE_LEDGER, self.endpoint, token),
            cwd=PROJECT,
            env=os.environ | {"SSL_CERT_FILE": str(self.ca_file), "HTTPS_PROXY": "http://127.0.0.1:1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = await child.communicate()
        assert child.returncode == 0, errors.decode()
        return output.decode().strip()


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureTables]:
    install()
    folder = tmp_path_factory.mktemp("azurite")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    flags = ["--oauth=basic", f"--cert={folder / 'cert.pem'}", f"--key={folder / 'key.pem'}"]
    with running(folder, *flags) as started:
        yield SecureTables(started.table, folder / "ca.pem")


def token_for(audience: str) -> str:
    now = datetime.now(UTC)
    claims = {
        "aud": audience,
        "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
        "iat": now - timedelta(minutes=5),
        "nbf": now - timedelta(minutes=5),
        "exp": now + timedelta(hours=1),
    }
    return jwt.encode(claims, "the emulator checks no signature of a token", algorithm="HS256")


async def test_an_identity_with_a_token_for_storage_uses_the_ledger(tables: SecureTables) -> None:
    assert await tables.use(token_for("https://storage.azure.com")) == "locked 1"


async def test_a_token_for_something_else_is_a_ledger_error_that_names_the_role(tables: SecureTables) -> None:
    assert await tables.use(token_for("https://vault.azure.net")) == "LedgerError True"
