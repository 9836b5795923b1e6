"""The v1 envelope: which shapes are taken, which bytes are signed, and that no changed byte is (E-05, E-08)."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chat_client import Identity
from chat_client.crypto import signed_text
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from parch_wire.encoding import b64raw, unb64raw
from parch_wire.envelope import MAX_BYTES, MAX_WRAPPED_KEYS, Envelope, canonical, canonical_texts, read, verify
from parch_wire.errors import EnvelopeError, InvalidKey
from parch_wire.identity import check_enc_public_key

VECTORS = Path(__file__).parent / "vectors"
CASES = json.loads((VECTORS / "chat-e2ee-envelope.json").read_text())["expected"]["cases"]
NEGATIVE = json.loads((VECTORS / "chat-e2ee-negative.json").read_text())["expected"]["cases"]
PEOPLE = {
    name: Identity.from_hex(keys["auth_private_seed_hex"], keys["enc_private_scalar_hex"])
    for name, keys in json.loads((VECTORS / "chat-identities.json").read_text())["inputs"]["identities"].items()
}
ALICE, BOB = PEOPLE["alice"], PEOPLE["bob"]
Fields = dict[str, Any]


def raw(fields: Any) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def accepted(data: bytes) -> bool:
    """Whether an envelope is taken; refusing it may raise EnvelopeError and nothing else."""
    try:
        verify(read(data))
    except EnvelopeError:
        return False
    return True


@pytest.fixture
def envelope() -> Fields:
    """From Alice to Bob and herself."""
    return ALICE.encrypt([BOB.recipient], "space", "channel", "hello")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_recorded_envelopes_have_the_recorded_canonical_text_and_verify(case: Fields) -> None:
    envelope = read(raw(case["envelope"]))
    assert next(canonical_texts(envelope)).decode() == case["canonical_signing_string"]
    assert signed_text(case["envelope"]).decode() == case["canonical_signing_string"]
    verify(envelope)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_recorded_envelopes_open_for_their_recipients_alone(case: Fields) -> None:
    for name, result in case["decrypt"].items():
        if result["ok"]:
            assert PEOPLE[name].decrypt(case["envelope"]) == result["plaintext"]
        else:
            with pytest.raises(StopIteration):
                PEOPLE[name].decrypt(case["envelope"])


@pytest.mark.parametrize("case", NEGATIVE, ids=lambda case: case["why"])
def test_recorded_mutations_are_judged_as_recorded(case: Fields) -> None:
    """A mutation the signature or the shape shows is refused; one only a reader's key can show verifies."""
    result, recipient = case["result"], PEOPLE[case["recipient"]]
    of_signature = result.get("error") in ("Invalid message signature", "Invalid encrypted envelope")
    assert accepted(raw(case["envelope"])) is not of_signature
    if result["ok"]:
        assert recipient.decrypt(case["envelope"]) == result["plaintext"]
    elif not of_signature:
        with pytest.raises((InvalidTag, StopIteration)):
            recipient.decrypt(case["envelope"])


def test_there_are_21_recorded_mutations() -> None:
    assert len(NEGATIVE) == 21


ODD_WORDS = ['a"b\\c', "<&>", "\u2028 \u2029", "Grüße 世界 👋", "/", " "]


@pytest.mark.parametrize("word", ODD_WORDS)
def test_odd_characters_are_signed_as_a_browser_writes_them(word: str) -> None:
    assert accepted(raw(ALICE.encrypt([], word, word, "hello")))


def keys_in(order: Callable[[list[Fields]], list[Fields]]) -> bytes:
    """An envelope to eight people, its wrapped keys signed in `order`."""
    fields = ALICE.encrypt([Identity.new().recipient for _ in range(7)], "space", "channel", "hello")
    fields["wrapped_keys"] = order(fields["wrapped_keys"])
    received = read(raw(fields))
    return raw(fields | {"sig": ALICE.sign(canonical(received, received.wrapped_keys))})


def shuffled(keys: list[Fields]) -> list[Fields]:
    return random.Random(8).sample(keys, len(keys))


def byte_order(keys: list[Fields]) -> list[Fields]:
    return sorted(keys, key=lambda key: key["recipient_auth_public_key"])


@pytest.mark.parametrize("order", [list, shuffled, byte_order], ids=["root", "as-received", "byte"])
def test_three_orders_of_wrapped_keys_verify(order: Callable[[list[Fields]], list[Fields]]) -> None:
    assert accepted(keys_in(order))


def test_byte_order_verifies_even_when_received_in_another() -> None:
    fields = json.loads(keys_in(byte_order))
    fields["wrapped_keys"] = shuffled(fields["wrapped_keys"])
    assert accepted(raw(fields))
    assert len(list(canonical_texts(read(raw(fields))))) == 3


def test_an_order_that_is_none_of_the_three_is_refused() -> None:
    fields = json.loads(keys_in(shuffled))
    fields["wrapped_keys"].reverse()
    assert not accepted(raw(fields))


def test_the_canonical_text_of_one_order_is_made_once() -> None:
    alone = read(raw(ALICE.encrypt([], "space", "channel", "hello")))
    assert len(list(canonical_texts(alone))) == 1


def test_no_flipped_bit_is_accepted(envelope: Fields) -> None:
    """Every bit of every byte of the JSON, keys, quotes and signature included."""
    data = raw(envelope).replace(b'": ', b'":').replace(b", ", b",")
    assert accepted(data)
    flips = taken = 0
    for bit in range(8 * len(data)):
        copy = bytearray(data)
        copy[bit // 8] ^= 1 << bit % 8
        flips += 1
        taken += accepted(bytes(copy))
    print(f"E-05: {flips} bit flips in {len(data)} bytes, {taken} accepted")
    assert taken == 0


def wrapped(count: int) -> list[Fields]:
    item = ALICE.encrypt([], "space", "channel", "hello")["wrapped_keys"][0]
    return [item | {"recipient_auth_public_key": b64raw(n.to_bytes(32, "big"))} for n in range(count)]


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"wrapped_keys": wrapped(1) * 2}, "duplicate_recipient", "a recipient appears twice"),
        ({"wrapped_keys": wrapped(513)}, "wrapped_keys_count", "invalid wrapped_keys count"),
        ({"wrapped_keys": []}, "wrapped_keys_count", "invalid wrapped_keys count"),
        ({"wrapped_keys": "x"}, "invalid_wrapped_keys", "invalid wrapped_keys format"),
        ({"wrapped_keys": [1]}, "invalid_envelope", "wrapped_keys"),
        ({"ciphertext": "A" * 21}, "invalid_envelope", "ciphertext"),
        ({"ciphertext": "A" * MAX_BYTES}, "envelope_too_large", f"exceeds {MAX_BYTES} bytes"),
        ({"sender_auth_public_key": "A" * 42 + "B"}, "invalid_envelope", "sender_auth_public_key"),
        ({"message_id": "m1"}, "invalid_envelope", "message_id"),
        ({"space_uuid": "a\nb"}, "invalid_envelope", "space_uuid"),
        ({"v": 2}, "invalid_envelope", "v"),
    ],
)
def test_a_wrong_shape_is_refused_by_name(envelope: Fields, change: Fields, code: str, text: str) -> None:
    with pytest.raises(EnvelopeError) as refusal:
        read(raw(envelope | change))
    assert refusal.value.code == code
    assert text in refusal.value.text
    assert refusal.value.hint


@pytest.mark.parametrize("data", [b"", b"{}", b"null", b"[1]", b'"str"', b"{", b"\xff", b"[" * 100_000, b'{"a":NaN}'])
def test_what_is_no_object_is_a_missing_envelope(data: bytes) -> None:
    with pytest.raises(EnvelopeError, match="missing encrypted envelope") as refusal:
        read(data)
    assert refusal.value.code == "missing_envelope"


def test_512_recipients_are_taken(envelope: Fields) -> None:
    assert len(read(raw(envelope | {"wrapped_keys": wrapped(MAX_WRAPPED_KEYS)})).wrapped_keys) == 512


def enc_key(curve: ec.EllipticCurve, form: PublicFormat) -> str:
    return b64raw(ec.generate_private_key(curve).public_key().public_bytes(Encoding.DER, form))


def test_a_sender_key_of_another_curve_or_form_is_refused(envelope: Fields) -> None:
    point = unb64raw(ALICE.enc_public_key)[26:]
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + b"\x02" + point[1:33]
    for key in (enc_key(ec.SECP384R1(), PublicFormat.SubjectPublicKeyInfo), b64raw(compressed), "", "A" * 122):
        assert not accepted(raw(ALICE.signed(envelope | {"sender_enc_public_key": key})))


def test_a_sender_key_off_the_curve_is_left_to_the_key_check(envelope: Fields) -> None:
    """The envelope's shape and signature cannot show it; whoever binds it to an identity checks the key itself."""
    off_curve = b64raw(unb64raw(ALICE.enc_public_key)[:-1] + b"\0")
    assert accepted(raw(ALICE.signed(envelope | {"sender_enc_public_key": off_curve})))
    with pytest.raises(InvalidKey):
        check_enc_public_key(off_curve)


def test_a_sender_key_that_is_no_point_is_forged(envelope: Fields) -> None:
    """43 canonical characters that are not a point of the curve: nobody can have signed with them."""
    no_point = b64raw(b"\2" + bytes(31))
    assert not accepted(raw(envelope | {"sender_auth_public_key": no_point}))


def test_a_signature_with_unused_bits_set_is_forged(envelope: Fields) -> None:
    """Else one message would have several texts."""
    with pytest.raises(EnvelopeError, match="Invalid message signature") as refusal:
        verify(read(raw(envelope | {"sig": envelope["sig"][:-1] + "B"})))
    assert refusal.value.code == "invalid_message_signature"


def test_a_raw_part_of_a_message_is_read_like_bytes(envelope: Fields) -> None:
    assert isinstance(read(msgspec.Raw(raw(envelope))), Envelope)
