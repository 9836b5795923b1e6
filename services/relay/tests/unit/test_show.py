"""The frame everybody sees: the sender's envelope, byte for byte."""

import json

from parch_relay.show import chat_frame

from .builders import ANNA, CHANNEL, SPACE, TIMESTAMP, opened


def test_a_shown_message_is_the_envelope_with_time_and_channel() -> None:
    envelope = ANNA.encrypt([], SPACE, CHANNEL, "hello")
    frame = chat_frame(json.dumps(envelope).encode(), TIMESTAMP, CHANNEL)
    assert opened(frame) == ("chat", {"envelope": envelope, "timestamp": TIMESTAMP, "channel_uuid": CHANNEL})


def test_a_stored_message_carries_its_number() -> None:
    assert opened(chat_frame(b"{}", TIMESTAMP, CHANNEL, 7))[1]["id"] == 7


def test_number_zero_is_a_number() -> None:
    assert opened(chat_frame(b"{}", TIMESTAMP, CHANNEL, 0))[1]["id"] == 0


def test_the_envelope_is_not_written_again() -> None:
    odd = b'{ "v": 1.0, "unknown" : "\\u00e9" }'
    assert odd in chat_frame(odd, TIMESTAMP, CHANNEL)


def test_names_that_need_escapes_are_escaped() -> None:
    assert opened(chat_frame(b"{}", TIMESTAMP, 'a"b\\c%d'))[1]["channel_uuid"] == 'a"b\\c%d'


def test_a_frame_ends_with_a_line_end() -> None:
    assert chat_frame(b"{}", TIMESTAMP, CHANNEL).endswith(b"}\n")
