"""Who may do what: challenges, tokens, scopes, and what is silently dropped."""

import jwt
import pytest

from localcloud.registry.oauth import Accounts
from localcloud.registry.options import RegistryOptions
from localcloud.registry.principal import Principal
from localcloud.registry.server import Registry
from localcloud.registry.tokens import Tokens
from tests.localcloud.registry.caller import ADMIN, Caller, Clock, Got, basic

TOKEN_USER = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(autouse=True)
def seeded(registry: Registry) -> None:
    images = [{"number": 1, "tags": ["v1"]}]
    registry.store.seed({"repositories": [{"name": name, "images": images} for name in ("prod/app", "test/app")]})


async def ask(caller: Caller, token: str, method: str, path: str) -> Got:
    return await caller.ask(method, path, b"{}" if method == "PATCH" else None, authorization=f"Bearer {token}")


def granted(token: str) -> list[dict[str, object]]:
    claims = jwt.decode(token, options={"verify_signature": False})
    found: list[dict[str, object]] = claims["access"]
    return found


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/acr/v1/_catalog", "registry:catalog:*"),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
        ("GET", "/acr/v1/prod/app", "repository:prod/app:metadata_read"),
        ("PATCH", "/acr/v1/prod/app", "repository:prod/app:metadata_write"),
        ("DELETE", "/acr/v1/prod/app", "repository:prod/app:delete"),
        ("GET", "/acr/v1/prod/app/_tags", "repository:prod/app:metadata_read"),
        ("GET", "/acr/v1/prod/app/_tags/v1", "repository:prod/app:metadata_read"),
        ("PATCH", "/acr/v1/prod/app/_tags/v1", "repository:prod/app:metadata_write"),
        ("DELETE", "/acr/v1/prod/app/_tags/v1", "repository:prod/app:delete"),
        ("GET", "/acr/v1/prod/app/_manifests", "repository:prod/app:metadata_read"),
        ("GET", "/v2/prod/app/manifests/v1", "repository:prod/app:pull"),
        ("HEAD", "/v2/prod/app/manifests/v1", "repository:prod/app:pull"),
        ("PUT", "/v2/prod/app/manifests/v1", "repository:prod/app:pull,push"),
        ("DELETE", f"/v2/prod/app/manifests/sha256:{'0' * 64}", "repository:prod/app:delete"),
        ("POST", "/v2/prod/app/blobs/uploads/", "repository:prod/app:pull,push"),
        ("GET", f"/v2/prod/app/blobs/sha256:{'0' * 64}", "repository:prod/app:pull"),
        ("GET", f"/v2/prod/app/referrers/sha256:{'0' * 64}", "repository:prod/app:pull"),
    ],
)
async def test_each_operation_challenges_for_its_scope(caller: Caller, method: str, path: str, scope: str) -> None:
    got = await caller.ask(method, path, authorization="")
    assert got.status == 401
    realm = f'Bearer realm="https://{caller.service}/oauth2/token",service="{caller.service}"'
    assert got.headers["WWW-Authenticate"] == f'{realm},scope="{scope}"'


async def test_base_endpoint_challenges_without_a_scope_and_takes_any_token(caller: Caller) -> None:
    got = await caller.ask("GET", "/v2/", authorization="")
    assert (got.status, "scope=" in got.headers["WWW-Authenticate"]) == (401, False)
    token = await caller.token("reader")
    assert (await ask(caller, token, "GET", "/v2/")).status == 200


async def test_admin_user_may_do_everything_with_basic_authentication(caller: Caller) -> None:
    assert (await caller.ask("GET", "/acr/v1/_catalog")).status == 200
    assert (await caller.ask("PATCH", "/acr/v1/prod/app/_tags/v1", {"writeEnabled": True})).status == 200
    assert (await caller.ask("GET", "/v2/")).status == 200


@pytest.mark.parametrize("header", [basic("admin", "wrong"), basic("", ""), "Basic ===", "Basic", "Digest x"])
async def test_wrong_credentials_are_challenged(caller: Caller, header: str) -> None:
    got = await caller.ask("GET", "/acr/v1/_catalog", authorization=header)
    assert (got.status, got.error) == (401, "UNAUTHORIZED")


async def test_switched_off_admin_user_is_refused(caller: Caller, registry: Registry) -> None:
    registry.options.change({"admin_enabled": False})
    assert (await caller.ask("GET", "/v2/")).status == 401


def test_registry_without_admin_user_refuses_empty_credentials() -> None:
    accounts = Accounts(username="", password="", authenticate=lambda _: None, options=RegistryOptions())
    assert accounts.access(basic("", "")) is None


async def test_lacking_actions_are_dropped_silently_and_the_call_fails(caller: Caller) -> None:
    token = await caller.token("reader", "repository:prod/app:pull,push,metadata_read,metadata_write")
    assert granted(token) == [{"Type": "repository", "Name": "prod/app", "Actions": ["pull", "metadata_read"]}]
    got = await ask(caller, token, "PATCH", "/acr/v1/prod/app/_tags/v1")
    assert got.status == 401
    assert got.headers["WWW-Authenticate"].endswith(
        'scope="repository:prod/app:metadata_write",error="insufficient_scope"'
    )
    assert got.json["errors"][0]["detail"] == [{"Type": "repository", "Name": "prod/app", "Action": "metadata_write"}]


async def test_scope_without_any_granted_action_leaves_no_entry(caller: Caller) -> None:
    assert granted(await caller.token("reader", "repository:prod/app:push", "registry:catalog:*")) == []


async def test_pusher_may_neither_read_nor_set_attributes(caller: Caller) -> None:
    assert (await caller.ask_as("pusher", "GET", "/acr/v1/prod/app/_tags/v1")).status == 401
    assert (await caller.ask_as("pusher", "PATCH", "/acr/v1/prod/app/_tags/v1", {})).status == 401


async def test_token_of_another_scope_is_insufficient(caller: Caller) -> None:
    token = await caller.token("owner", "repository:test/app:metadata_read")
    got = await ask(caller, token, "GET", "/acr/v1/prod/app/_tags/v1")
    assert (got.status, 'error="insufficient_scope"' in got.headers["WWW-Authenticate"]) == (401, True)


@pytest.mark.parametrize(
    "scopes",
    [
        ("repository:prod/app:metadata_read", "repository:test/app:metadata_read"),
        ("repository:prod/app:metadata_read%20repository:test/app:metadata_read",),
        ("repository:*:metadata_read",),
        ("registry:catalog:*%20repository:*:*",),
        ("repository:prod/app:metadataRead", "repository:test/app:*"),
    ],
)
async def test_scopes_may_be_repeated_joined_or_wild(caller: Caller, scopes: tuple[str, ...]) -> None:
    token = await caller.token("owner", *scopes)
    for name in ("prod/app", "test/app"):
        assert (await ask(caller, token, "GET", f"/acr/v1/{name}/_tags/v1")).status == 200


async def test_wildcard_is_ignored_on_a_registry_with_repository_permissions(
    caller: Caller, registry: Registry
) -> None:
    registry.options.change({"abac": True})
    assert granted(await caller.token("owner", "repository:*:metadata_read,metadata_write")) == []
    refresh = await caller.refresh_token("owner")
    assert "aad_identity" in jwt.decode(refresh, options={"verify_signature": False})
    assert (await caller.ask_as("owner", "GET", "/acr/v1/prod/app/_tags/v1")).status == 200


async def test_permission_on_some_repositories_is_honoured_per_repository(caller: Caller) -> None:
    assert (await caller.ask_as("prod-writer", "PATCH", "/acr/v1/prod/app/_tags/v1", {})).status == 200
    assert (await caller.ask_as("prod-writer", "PATCH", "/acr/v1/test/app/_tags/v1", {})).status == 401
    assert (await caller.ask_as("prod-writer", "GET", "/acr/v1/_catalog")).status == 401
    assert granted(await caller.token("prod-writer", "repository:*:metadata_read")) == []


async def test_access_token_is_over_at_its_time(caller: Caller, clock: Clock) -> None:
    clock.moment = clock.moment.replace(microsecond=0)
    token = await caller.token("owner", "repository:*:metadata_read")
    clock.advance(4499)
    assert (await ask(caller, token, "GET", "/acr/v1/prod/app")).status == 200
    clock.advance(1)
    got = await ask(caller, token, "GET", "/acr/v1/prod/app")
    assert got.status == 401
    assert got.headers["WWW-Authenticate"].endswith('scope="repository:prod/app:metadata_read",error="invalid_token"')


async def test_refresh_token_is_over_at_its_time(caller: Caller, clock: Clock) -> None:
    clock.moment = clock.moment.replace(microsecond=0)
    refresh = await caller.refresh_token("owner")
    text = f"grant_type=refresh_token&service={caller.service}&scope=registry:catalog:*&refresh_token={refresh}"
    clock.advance(11_699)
    assert (await caller.form("/oauth2/token", text)).status == 200
    clock.advance(1)
    assert (await caller.form("/oauth2/token", text)).status == 401


async def test_refresh_token_is_no_access_token_and_the_reverse(caller: Caller) -> None:
    refresh = await caller.refresh_token("owner")
    assert (await ask(caller, refresh, "GET", "/acr/v1/prod/app")).status == 401
    access = await caller.token("owner", "repository:*:pull")
    text = f"grant_type=refresh_token&service={caller.service}&refresh_token={access}"
    assert (await caller.form("/oauth2/token", text)).status == 401


async def test_token_of_another_registry_is_invalid(caller: Caller, registry: Registry, clock: Clock) -> None:
    foreign = Tokens(service=lambda: caller.service, now=clock, options=registry.options)
    got = await ask(caller, foreign.access("owner", []), "GET", "/acr/v1/prod/app")
    assert 'error="invalid_token"' in got.headers["WWW-Authenticate"]


@pytest.mark.parametrize("identity", ["stranger", "nobody"])
async def test_identity_without_any_role_is_refused_at_the_exchange(caller: Caller, identity: str) -> None:
    text = f"grant_type=access_token&service={caller.service}&access_token={identity}"
    got = await caller.form("/oauth2/exchange", text)
    assert (got.status, got.error) == (401, "UNAUTHORIZED")
    assert "CorrelationId: " in got.json["errors"][0]["message"]


async def test_token_endpoint_takes_basic_credentials(caller: Caller) -> None:
    path = f"/oauth2/token?service={caller.service}&scope=repository:prod/app:pull,push&account=x"
    for header in (basic(*ADMIN), basic(TOKEN_USER, await caller.refresh_token("owner"))):
        got = await caller.ask("GET", path, authorization=header)
        assert granted(got.json["access_token"])[0]["Actions"] == ["pull", "push"]
    assert (await caller.ask("GET", path, authorization=basic("admin", "wrong"))).status == 401


async def test_token_endpoint_takes_a_password_in_the_form(caller: Caller) -> None:
    text = f"grant_type=password&service={caller.service}&scope=registry:catalog:*&username={ADMIN[0]}"
    got = await caller.form("/oauth2/token", f"{text}&password={ADMIN[1]}")
    assert granted(got.json["access_token"]) == [{"Type": "registry", "Name": "catalog", "Actions": ["*"]}]
    assert (await caller.form("/oauth2/token", f"{text}&password=wrong")).status == 401


async def test_anonymous_callers_pull_only_when_allowed(caller: Caller, registry: Registry) -> None:
    path = f"/oauth2/token?service={caller.service}&scope=repository:prod/app:pull,push"
    assert (await caller.ask("GET", path, authorization="")).status == 401
    registry.options.change({"anonymous_pull": True})
    token = (await caller.ask("GET", path, authorization="")).json["access_token"]
    assert (await ask(caller, token, "HEAD", "/v2/prod/app/manifests/v1")).status == 404  # no Accept
    assert (await ask(caller, token, "GET", "/acr/v1/prod/app")).status == 401
    text = f"grant_type=password&service={caller.service}&scope=repository:prod/app:pull&refresh_token="
    assert (await caller.form("/oauth2/token", text)).status == 200


@pytest.mark.parametrize(
    "text",
    [
        "grant_type=access_token&access_token=owner",
        "grant_type=access_token&service=other.azurecr.io&access_token=owner",
        "grant_type=magic&service=SERVICE&access_token=owner",
        "grant_type=access_token&service=SERVICE",
    ],
)
async def test_malformed_exchange_is_refused(caller: Caller, text: str) -> None:
    assert (await caller.form("/oauth2/exchange", text.replace("SERVICE", caller.service))).status == 400


async def test_exchange_takes_forms_only(caller: Caller) -> None:
    assert (await caller.ask("POST", "/oauth2/exchange", {"grant_type": "access_token"})).status == 400


@pytest.mark.parametrize(("action", "accepted"), [("metadata_read", False), ("pull", True), ("either", True)])
async def test_action_that_a_tag_list_needs(caller: Caller, registry: Registry, action: str, accepted: bool) -> None:
    registry.options.change({"tag_list_action": action})
    token = await caller.token("owner", "repository:prod/app:pull")
    assert ((await ask(caller, token, "GET", "/v2/prod/app/tags/list")).status == 200) is accepted


@pytest.mark.parametrize(("action", "other"), [("delete", "metadata_write"), ("metadata_write", "delete")])
async def test_action_that_removing_a_tag_needs(caller: Caller, registry: Registry, action: str, other: str) -> None:
    registry.options.change({"untag_action": action})
    refused = await ask(
        caller, await caller.token("owner", f"repository:prod/app:{other}"), "DELETE", "/acr/v1/prod/app/_tags/v1"
    )
    assert refused.status == 401
    taken = await ask(
        caller, await caller.token("owner", f"repository:prod/app:{action}"), "DELETE", "/acr/v1/prod/app/_tags/v1"
    )
    assert taken.status == 202


def test_principal_with_an_unknown_action_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="metadata_delete"):
        Principal(name="odd", actions=frozenset({"metadata_delete"}))
