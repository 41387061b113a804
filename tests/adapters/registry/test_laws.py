"""Whatever a registry says becomes a value or a RegistryError, never another failure."""

from contextlib import suppress
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.adapters.acr_answer import checked, next_path, remaining_per_second
from taglock.adapters.acr_call import Action, Call, Category
from taglock.adapters.acr_claims import Scope, read_claims
from taglock.adapters.acr_content import manifest_content, referrer_digests
from taglock.adapters.acr_tokens import usable_seconds
from taglock.adapters.acr_wire import manifest_state, tag_state
from taglock.adapters.http_answer import Answer, retry_after_seconds
from taglock.domain.reference import LoginServer, manifest_target, tag_target
from taglock.errors import RegistryError
from tests.adapters.registry.peer import DIGEST, REPOSITORY, TAG, jwt

PATH = f"/v2/prod%2Fapi/referrers/{DIGEST}"
CALL = Call(method="GET", path=PATH, operation="read", target="x", category=Category.READ)
SERVER = LoginServer("r.azurecr.io")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
bodies = st.binary(max_size=200) | st.sampled_from([b"{}", b"[]", b'{"manifests":[{"digest":""}]}', b'{"tag":null}'])
header_texts = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=80)


@given(header_texts, header_texts)
def test_any_retry_after_is_bounded_seconds_or_none(text: str, date: str) -> None:
    seconds = retry_after_seconds(Answer(status=429, headers={"Retry-After": text, "Date": date}, body=b""))
    assert seconds is None or 0 <= seconds <= 3600


@given(header_texts)
def test_any_remainder_is_a_number(text: str) -> None:
    headers = {"x-ms-ratelimit-remaining-calls-per-second": text}
    assert remaining_per_second(Answer(status=200, headers=headers, body=b"")) >= 0


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_link_that_is_followed_stays_on_the_path(before: str, after: str) -> None:
    for link in (f'<{before}{PATH}{after}>; rel="next"', f"<{before}?{after}>; rel=next", before):
        following = None
        with suppress(RegistryError):
            following = next_path(CALL, Answer(status=200, headers={"Link": link}, body=b""))
        if following is not None:
            url = urlsplit(f"https://{SERVER}{following}")
            assert (url.netloc, unquote(url.path)) == (SERVER, unquote(PATH))


@given(st.integers(100, 599), bodies)
def test_any_status_but_200_raises(status: int, body: bytes) -> None:
    answer = Answer(status=status, headers={}, body=body)
    if status == 200:
        assert checked(CALL, answer) is answer
        return
    with pytest.raises(RegistryError):
        checked(CALL, answer)


@given(bodies)
def test_any_body_is_read_or_not_believed(body: bytes) -> None:
    answer = Answer(status=200, headers={"Content-Type": "application/json"}, body=body)
    with suppress(RegistryError):
        tag_state(CALL, answer, tag_target(SERVER, REPOSITORY, TAG))
    with suppress(RegistryError):
        manifest_state(CALL, answer, manifest_target(SERVER, REPOSITORY, DIGEST))
    with suppress(RegistryError):
        referrer_digests(CALL, answer)
    with suppress(RegistryError):
        manifest_content(CALL, answer, DIGEST)


@given(st.dictionaries(st.sampled_from(["exp", "iat", "nbf", "access", "aad_identity", "aud"]), json_values))
def test_any_claims_are_read_or_not_believed(claims: dict[str, object]) -> None:
    with suppress(RegistryError):
        read = read_claims(CALL, jwt(**claims))
        assert 0 < usable_seconds(read) < 86_400
        assert read.missing(Scope("a", (Action.PULL,))) <= {Action.PULL}


@given(st.text(max_size=80))
def test_any_text_is_a_token_with_claims_or_not_believed(text: str) -> None:
    with suppress(RegistryError):
        read_claims(CALL, text)
