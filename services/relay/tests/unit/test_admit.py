"""Which session may do what: tokens, places, rates, and messages whose sender and signature hold."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Raw

from parch_relay import admit
from parch_relay.hub import Room
from parch_relay.session import CHAT_LIMIT, MAX_PENDING, MAX_TOKEN, MAX_TOKENS, Refused, Session
from parch_wire.capability import MEMBER_SCOPES, TTL_SECONDS
from parch_wire.messages import Chat

from .builders import (
    ANNA,
    BEN,
    CHANNEL,
    NOW,
    OTHER_CHANNEL,
    OTHER_SPACE,
    SPACE,
    person,
    raw,
    refusal,
    room,
    subscriber,
    token,
    waits,
)

TEXT = "Unauthorized space access"


@pytest.fixture
def anna() -> Session:
    return person(ANNA, "anna")


@pytest.fixture
def here(anna: Session) -> Room:
    """Anna listens to a channel."""
    made = room(anna)
    subscriber(made, anna, SPACE, CHANNEL)
    return made


def may(session: Session, here: Room, text: str, now: float = NOW, **named: Any) -> None:
    expected: dict[str, Any] = {"space": SPACE, "scope": "delete_space", "text": TEXT, "now": now}
    admit.capability(session, here, text, **(expected | named))


def said(envelope: Any, text: str) -> Chat:
    return Chat(envelope=raw(envelope), capability_token=text)


def sealed(**changed: Any) -> dict[str, Any]:
    """Anna's message in CHANNEL; `changed` is signed too."""
    return ANNA.signed(ANNA.encrypt([BEN.recipient], SPACE, CHANNEL, "hello") | changed)


def test_a_token_of_the_host_for_this_identity_opens_what_it_names(anna: Session, here: Room) -> None:
    may(anna, here, token(ANNA))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "token_malformed"),
        (token(ANNA)[:-4], "token_malformed"),
        (token(ANNA, key=Ed25519PrivateKey.from_private_bytes(bytes(32))), "token_signature"),
        (token(ANNA, host_uuid="another"), "token_host"),
        (token(ANNA, space_uuid=OTHER_SPACE), "token_space"),
        (token(BEN), "token_subject"),
        (token(ANNA, exp=int(NOW)), "token_expired"),
        (token(ANNA, scopes=MEMBER_SCOPES), "token_scope"),
    ],
)
def test_every_other_token_is_refused_as_unauthorized(anna: Session, here: Room, text: str, code: str) -> None:
    refused = refusal(may, anna, here, text)
    assert (refused.code, refused.text) == (code, TEXT)
    assert "fresh token" in refused.hint


def test_a_token_of_one_channel_opens_only_that(anna: Session, here: Room) -> None:
    text = token(ANNA, channel_scope=CHANNEL)
    may(anna, here, text, channel=CHANNEL)
    assert refusal(may, anna, here, text, channel=OTHER_CHANNEL).code == "token_channel"


def test_an_opened_token_is_remembered_but_its_time_is_judged_each_time(anna: Session, here: Room) -> None:
    text = token(ANNA)
    may(anna, here, text)
    assert list(anna.tokens) == [text]
    assert refusal(may, anna, here, text, NOW + TTL_SECONDS).code == "token_expired"


def test_a_remembered_token_is_not_opened_again(anna: Session, here: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    text = token(ANNA)
    may(anna, here, text)
    monkeypatch.setattr(admit, "open_token", None)
    may(anna, here, text)


def test_a_forged_token_is_not_remembered(anna: Session, here: Room) -> None:
    refusal(may, anna, here, token(ANNA) + "A")
    assert anna.tokens == {}


def test_only_so_many_tokens_are_remembered(anna: Session, here: Room) -> None:
    """Q15: what one socket can make the relay keep is limited."""
    for number in range(MAX_TOKENS + 1):
        may(anna, here, token(ANNA, jti=str(number)))
    assert len(anna.tokens) == 1


def test_a_very_long_token_is_good_but_not_remembered(anna: Session, here: Room) -> None:
    """Q15: 64 tokens of a megabyte each are no small thing to keep for a stranger."""
    may(anna, here, token(ANNA, jti="x" * MAX_TOKEN))
    assert anna.tokens == {}


def test_a_host_that_is_there_may_be_asked(anna: Session, here: Room) -> None:
    admit.host_online(anna, here)


def test_a_host_that_is_away_cannot_be_asked(anna: Session, here: Room) -> None:
    here.online = False
    refused = refusal(admit.host_online, anna, here)
    assert (refused.kind, refused.code) == ("author_error", "host_offline")
    assert refused.text == "Failed to connect to the host"


def test_only_so_many_questions_may_wait(anna: Session, here: Room) -> None:
    """Q15"""
    for number in range(MAX_PENDING):
        waits(anna, "answer", number=str(number))
    assert refusal(admit.host_online, anna, here).code == "too_many_requests"


def test_while_the_window_has_room_nothing_is_refused() -> None:
    admit.rate(0, "chat_rate", "Too fast")


def test_a_full_window_says_when_to_come_again() -> None:
    refused = refusal(admit.rate, 2.5, "chat_rate", "Too fast")
    assert (refused.code, refused.text, refused.retry_after) == ("chat_rate", "Too fast", 2.5)


def test_whom_the_host_named_is_a_member(anna: Session, here: Room) -> None:
    admit.member(anna, SPACE, TEXT)


def test_a_good_token_does_not_make_a_member(anna: Session, here: Room) -> None:
    """Q2: who was removed cannot come back with a token that is still good."""
    refused = refusal(admit.member, anna, OTHER_SPACE, TEXT)
    assert (refused.code, refused.text) == ("not_a_member", TEXT)


def test_a_listener_is_told_channel_and_space(anna: Session, here: Room) -> None:
    assert admit.joined_channel(anna, here, token(ANNA), "read_history", NOW) == (CHANNEL, SPACE)


def test_who_is_in_no_channel_must_join_one(anna: Session) -> None:
    refused = refusal(admit.joined_channel, anna, room(anna), token(ANNA), "read_history", NOW)
    assert (refused.code, refused.text) == ("no_channel", "Failed to connect to the channel")


def test_a_channel_the_host_has_not_described_is_unknown(anna: Session, here: Room) -> None:
    del here.channels[CHANNEL]
    refused = refusal(admit.joined_channel, anna, here, token(ANNA), "read_history", NOW)
    assert (refused.code, refused.text) == ("unknown_channel", "Unknown channel mapping")


def test_a_channel_needs_a_token_for_it(anna: Session, here: Room) -> None:
    text = token(ANNA, channel_scope=OTHER_CHANNEL)
    refused = refusal(admit.joined_channel, anna, here, text, "read_history", NOW)
    assert (refused.code, refused.text) == ("token_channel", "Unauthorized channel access")


def test_a_channel_needs_its_space_joined(anna: Session, here: Room) -> None:
    anna.subscribed.clear()
    refused = refusal(admit.joined_channel, anna, here, token(ANNA), "read_history", NOW)
    assert (refused.code, refused.text) == ("not_subscribed", "Unauthorized channel access")


def test_a_message_of_this_session_in_its_channel_is_taken(anna: Session, here: Room) -> None:
    envelope = sealed()
    channel, space, taken = admit.chat(anna, here, said(envelope, token(ANNA)), NOW)
    assert (channel, space, taken.message_id) == (CHANNEL, SPACE, envelope["message_id"])


def test_messages_are_limited_in_time(anna: Session, here: Room) -> None:
    for _ in range(CHAT_LIMIT):
        with pytest.raises(Refused, match="envelope"):
            admit.chat(anna, here, Chat(), NOW)
    refused = refusal(admit.chat, anna, here, said(sealed(), token(ANNA)), NOW + 4)
    assert (refused.code, refused.text, refused.retry_after) == ("chat_rate", "Chat rate limit exceeded", 6)


def test_the_envelope_is_looked_at_before_the_place(anna: Session) -> None:
    assert refusal(admit.chat, anna, room(anna), Chat(), NOW).code == "missing_envelope"


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (sealed(wrapped_keys=[]), "wrapped_keys_count"),
        (sealed(space_uuid=OTHER_SPACE), "channel_mismatch"),
        (sealed(channel_uuid=OTHER_CHANNEL), "channel_mismatch"),
        (sealed() | {"content_iv": "A" * 16}, "invalid_message_signature"),
        (BEN.encrypt([], SPACE, CHANNEL, "not Anna's"), "sender_mismatch"),
    ],
)
def test_an_envelope_that_does_not_hold_is_refused(anna: Session, here: Room, envelope: Any, code: str) -> None:
    """Q7: messages are bound to their channel; Q13: another's name and missing keys are refused here."""
    assert refusal(admit.chat, anna, here, said(envelope, token(ANNA)), NOW).code == code


def test_a_message_needs_a_token_that_lets_send(anna: Session, here: Room) -> None:
    refused = refusal(admit.chat, anna, here, said(sealed(), token(ANNA, scopes=("read_history",))), NOW)
    assert (refused.code, refused.text) == ("token_scope", "Unauthorized channel access")


def test_the_order_of_keys_in_the_envelopes_json_does_not_matter(anna: Session, here: Room) -> None:
    backwards = dict(reversed(sealed().items()))
    body = Chat(envelope=Raw(json.dumps(backwards, indent=1).encode()), capability_token=token(ANNA))
    assert admit.chat(anna, here, body, NOW)[0] == CHANNEL
