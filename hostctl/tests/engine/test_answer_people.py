"""Who asks, and what they see first: identity, dashboard, names, the official space (spec §4.3, §4.4, §7.9)."""

from typing import Any

import pytest
from chat_client.crypto import Identity

from parch_hostctl.official import seed
from parch_wire import capability


def test_the_first_dashboard_makes_the_user(host: Any, alice: Any) -> None:
    dashboard = host.meet(alice)
    assert dashboard["user"] == {
        "id": 1,
        "username": "alice",
        "public_key": alice.public_key,
        "enc_public_key": alice.enc_public_key,
    }
    assert dashboard["client_uuid"] == "client-alice"


def test_what_is_empty_is_a_list(host: Any, alice: Any) -> None:
    """Browsers of the original break on `null` (spec Q17, Q18)."""
    dashboard = host.meet(alice)
    assert dashboard["spaces"] == []
    assert dashboard["invites"] == []
    assert "capabilities" not in dashboard


def test_the_name_of_a_session_does_not_rename_a_known_user(host: Any, alice: Any) -> None:
    host.meet(alice)
    again = host.one("get_dash_data_request", **alice.session(), username="other device")
    assert again["user"]["username"] == "alice"


def test_update_username_renames(host: Any, alice: Any) -> None:
    host.meet(alice)
    answer = host.one("update_username_request", **alice.session(), username="  Al  ", user_id=99)
    assert (answer["user_id"], answer["username"]) == (1, "Al")
    assert host.meet(alice)["user"]["username"] == "Al"


def test_a_new_encryption_key_is_taken_over(host: Any, alice: Any) -> None:
    host.meet(alice)
    renewed = Identity.new().enc_public_key
    dashboard = host.one("get_dash_data_request", **{**alice.session(), "user_enc_public_key": renewed})
    assert dashboard["user"]["enc_public_key"] == renewed


@pytest.mark.parametrize("field", ["user_public_key", "user_enc_public_key"])
def test_keys_that_cannot_be_used_are_refused(host: Any, alice: Any, field: str) -> None:
    """One unusable key in a space would keep everybody in it from writing (spec Q24)."""
    refusal = host.refusal("get_dash_data_request", **{**alice.session(), field: "garbage"})
    assert refusal["code"] == "invalid_key"
    assert host.store.counts().users == 0


def test_a_key_text_that_is_not_canonical_is_refused(host: Any, alice: Any) -> None:
    refusal = host.refusal("get_dash_data_request", **{**alice.session(), "user_public_key": alice.public_key + "="})
    assert refusal["code"] == "invalid_key"


def test_without_an_encryption_key_only_known_users_are_found(host: Any, alice: Any) -> None:
    keyless = {**alice.session(), "user_enc_public_key": ""}
    assert host.refusal("get_dash_data_request", **keyless)["error"] == "Failed to resolve user identity"
    host.meet(alice)
    assert host.one("get_dash_data_request", **keyless)["user"]["id"] == 1


def test_a_number_alone_is_nobody(host: Any, alice: Any) -> None:
    host.meet(alice)
    assert host.refusal("get_dash_data_request", user_id=1, client_uuid="c")["code"] == "unknown_identity"


def test_the_dashboard_grants_what_each_may_do(host: Any, alice: Any, bob: Any) -> None:
    space = host.space_of(alice)
    host.join(space["uuid"], alice, bob)
    for person, scopes in ((alice, capability.AUTHOR_SCOPES), (bob, capability.MEMBER_SCOPES)):
        [granted] = host.meet(person)["capabilities"]
        assert granted["scopes"] == list(scopes)
        assert granted["expires_at"] == int(host.now) + 300
        capability.verify(
            granted["token"],
            host.key.public_key().public_bytes_raw(),
            host_uuid=host.context.host_uuid,
            space_uuid=space["uuid"],
            subject=person.public_key,
            scope=scopes[-1],
            now=host.now,
        )


def test_the_dashboard_shows_channels_and_people(host: Any, alice: Any, bob: Any) -> None:
    space = host.space_of(alice)
    host.join(space["uuid"], alice, bob)
    [seen] = host.meet(bob)["spaces"]
    assert [channel["name"] for channel in seen["channels"]] == ["Initial Channel"]
    assert [user["username"] for user in seen["users"]] == ["alice", "bob"]


def test_a_pending_invite_shows_no_space(host: Any, alice: Any, bob: Any) -> None:
    space = host.space_of(alice)
    host.meet(bob)
    host.invite(space["uuid"], alice, bob)
    dashboard = host.meet(bob)
    assert dashboard["spaces"] == []
    assert [invite["name"] for invite in dashboard["invites"]] == ["Space"]


@pytest.fixture
def public(host: Any) -> Any:
    """The public host, with its space."""
    seed(host.store, "parch", "Parch Community")
    host.context.official_space = "parch"
    return host


def test_the_official_space_is_seeded_once(public: Any) -> None:
    seed(public.store, "parch", "Another name")
    assert public.store.space("parch").name == "Parch Community"
    channels = public.store.channels("parch")
    assert [(c.uuid, c.name) for c in channels] == [
        ("parch-general", "general"),
        ("parch-feedback", "feedback"),
        ("parch-announcements", "announcements"),
    ]


def test_newcomers_hear_of_the_official_invite_before_their_dashboard(public: Any, alice: Any) -> None:
    (first, invite), (second, dashboard) = public.ask("get_dash_data_request", **alice.session(), request_id="7")
    assert (first, second) == ("invite_user_success", "get_dash_data_response")
    assert (invite["public_key"], invite["client_uuid"]) == ("", "client-alice")
    assert dashboard["invites"] == [invite["invite"]]
    assert dashboard["request_id"] == "7"


def test_a_relay_that_knows_push_hears_it_as_an_announcement(public: Any, alice: Any) -> None:
    """So the newcomer is not congratulated on having invited somebody (spec Q29)."""
    public.context.relay_features = frozenset({"push"})
    (_, invite), _ = public.ask("get_dash_data_request", **alice.session(), request_id="7")
    assert invite["client_uuid"] == ""
    assert "request_id" not in invite


def test_the_official_invite_is_not_repeated(public: Any, alice: Any) -> None:
    public.ask("get_dash_data_request", **alice.session())
    assert len(public.ask("get_dash_data_request", **alice.session())) == 1


@pytest.mark.parametrize("accepted_first", [True, False])
def test_who_declined_or_left_the_official_space_is_left_alone(public: Any, alice: Any, accepted_first: bool) -> None:
    invite = public.ask("get_dash_data_request", **alice.session())[0][1]["invite"]
    if accepted_first:
        public.one("accept_invite_request", **alice.session(), space_user_id=invite["id"])
        public.one("leave_space_request", **alice.session(), space_uuid="parch")
    else:
        public.one("decline_invite_request", **alice.session(), space_user_id=invite["id"])
    assert public.meet(alice)["invites"] == []


def test_nobody_runs_the_official_space(public: Any, alice: Any) -> None:
    public.ask("get_dash_data_request", **alice.session())
    request = {**alice.session("requester_"), "uuid": "parch"}
    assert public.refusal("delete_space_request", **request)["code"] == "not_author"
