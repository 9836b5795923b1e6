"""The frame a chat message is shown with: the sender's own envelope bytes in, one frame for everybody out. Pure."""

import msgspec

_encode = msgspec.json.Encoder().encode


def chat_frame(envelope: bytes, timestamp: str, channel_uuid: str, sequence: int | None = None) -> bytes:
    """`chat {envelope, timestamp, channel_uuid[, id]}`; the envelope is not decoded again."""
    number = b"" if sequence is None else b',"id":%d' % sequence
    return b'{"type":"chat","data":{"envelope":%b,"timestamp":%b,"channel_uuid":%b%b}}\n' % (
        envelope,
        _encode(timestamp),
        _encode(channel_uuid),
        number,
    )
