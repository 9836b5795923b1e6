"""Requests that do not fit, and what every answer carries."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from parch_hostctl.answer import answer, is_request, refusal
from parch_hostctl.context import Sessions
from parch_hostctl.errors import HostError
from parch_wire.messages import HOST_REQUESTS, Frame


def test_every_request_of_the_wire_has_an_answer() -> None:
    assert all(map(is_request, HOST_REQUESTS))
    assert not is_request("relay_health_check")


def test_unknown_types_are_ignored(host: Any) -> None:
    assert host.ask("something_new", client_uuid="c") == []


def test_a_body_that_does_not_fit_is_refused_to_who_asked(host: Any) -> None:
    told = host.refusal("create_space_request", name=7, client_uuid="c", request_id="1")
    assert (told["code"], told["client_uuid"], told["request_id"]) == ("invalid_body", "c", "1")


@pytest.mark.parametrize("data", [b'"x"', b"[]", b'{"name":7}', b'{"client_uuid":7}'])
def test_a_body_that_names_nobody_is_dropped(host: Any, data: bytes) -> None:
    assert answer(host.context, Frame("create_space_request", Raw(data))) == []


def test_a_refusal_without_anybody_to_tell_is_silent() -> None:
    assert refusal(Frame("get_messages_request", Raw(b"{}")), HostError("c", "t")) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted({field for body in HOST_REQUESTS.values() for field in body.__struct_encode_fields__})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(sorted(HOST_REQUESTS)), body=st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_hostile_bodies_are_refused_and_change_nothing(host: Any, kind: str, body: Any) -> None:
    before = host.store.counts()
    replies = host.ask(kind, **body)
    assert all(type_ == "error" for type_, _ in replies)
    assert host.store.counts() == before


def test_sessions_forget_the_oldest() -> None:
    sessions = Sessions(limit=2)
    for client in ("a", "b", "a", "c"):
        sessions.learn(client, f"key of {client}")
    sessions.learn("", "nobody")
    sessions.learn("d", "")
    assert [sessions.key_of(client) for client in "abcd"] == ["key of a", "", "key of c", ""]
