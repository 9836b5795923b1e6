"""Who may register, rename or take over a host."""

import msgspec
import pytest

from parch_relay.registration import MAX_NAME, Change, Proof, Registration, Rejected, Row, checked, decide
from parch_wire.challenge import PROOF_WINDOW_SECONDS, registration_message

from .builders import ANNA, BEN, HOST, NOW

KEY, OTHER_KEY = ANNA.public_key, BEN.public_key


def asked(uuid: str = HOST, key: str = KEY, name: str = "Home") -> Registration:
    return Registration(name=name, signing_public_key=key, uuid=uuid)


def proved(uuid: str = HOST, name: str = "Home", issued_at: int = int(NOW), who: str = "") -> Registration:
    """A request with Anna's proof; `who` is what she signed in place of the uuid."""
    request = asked(uuid, name=name)
    request.proof = Proof(issued_at, ANNA.sign(registration_message(who or uuid, KEY, name, issued_at)))
    return request


def row(key: str = KEY, name: str = "Home", proven: bool = False) -> Row:
    return Row(1, HOST, name, key, proven)


def rejected(request: Registration) -> Rejected:
    with pytest.raises(Rejected) as caught:
        checked(request, NOW)
    return caught.value


def test_a_request_is_trimmed() -> None:
    clean, proven = checked(asked(f" {HOST} ", f" {KEY} ", " Home "), NOW)
    assert (clean, proven) == (asked(), False)


def test_a_new_host_needs_no_uuid() -> None:
    assert checked(asked(uuid=""), NOW)[0].uuid == ""


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (asked(key=" "), "missing_key", "signing_public_key is required"),
        (asked(name=" "), "invalid_name", "name must have 1 to 120 characters"),
        (asked(name="n" * (MAX_NAME + 1)), "invalid_name", "name must have 1 to 120 characters"),
        (asked(name="a\0b"), "invalid_name", "name must have 1 to 120 characters"),
        (asked(uuid="not-a-uuid"), "invalid_uuid", "uuid must be a valid UUID"),
        (asked(key=KEY + "="), "invalid_key", "signing_public_key: Not an Ed25519 public key"),
        (asked(key="AAAA"), "invalid_key", "signing_public_key: Not an Ed25519 public key"),
    ],
)
def test_a_bad_field_is_named(request_: Registration, code: str, text: str) -> None:
    """Q14: limits and key formats are checked, and answered as the client's fault; Q23: one text per key."""
    refused = rejected(request_)
    assert (refused.status, refused.code) == (400, code)
    assert str(refused).startswith(text)


@pytest.mark.parametrize("length", [1, MAX_NAME])
def test_the_shortest_and_the_longest_name_are_taken(length: int) -> None:
    assert len(checked(asked(name="n" * length), NOW)[0].name) == length


def test_a_signature_by_the_registered_key_is_a_proof() -> None:
    """Q14: a host can prove that it has the key."""
    assert checked(proved(), NOW) == (asked(), True)


def test_a_proof_is_over_what_was_sent_not_what_was_trimmed() -> None:
    assert checked(proved(name=" Home "), NOW)[1]


@pytest.mark.parametrize("off", [PROOF_WINDOW_SECONDS + 1, -PROOF_WINDOW_SECONDS - 1])
def test_a_proof_of_another_time_is_refused(off: int) -> None:
    refused = rejected(proved(issued_at=int(NOW) + off))
    assert (refused.status, refused.code) == (400, "proof_expired")
    assert "clock" in str(refused)


@pytest.mark.parametrize("off", [PROOF_WINDOW_SECONDS, -PROOF_WINDOW_SECONDS])
def test_clocks_may_differ_by_the_window(off: int) -> None:
    assert checked(proved(issued_at=int(NOW) + off), NOW)[1]


def test_a_proof_of_another_request_is_refused() -> None:
    refused = rejected(proved(who="another uuid"))
    assert (refused.status, refused.code) == (400, "invalid_signature")


def test_a_time_no_clock_can_show_does_not_fit_the_body() -> None:
    body = b'{"proof": {"issued_at": 1%b, "signature": ""}}' % (b"0" * 400)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Registration)


@pytest.mark.parametrize("proven", [True, False])
def test_a_uuid_nobody_has_is_taken_as_asked(proven: bool) -> None:
    assert decide(asked(), proven, None, "new") == Change(201, HOST, "Home", KEY, proven)


def test_without_a_uuid_a_new_one_is_given() -> None:
    assert decide(asked(uuid=""), False, None, "new").uuid == "new"


@pytest.mark.parametrize(("before", "proven"), [(False, False), (True, False), (True, True)])
def test_another_key_does_not_get_the_row(before: bool, proven: bool) -> None:
    """Q14: a row somebody proved is theirs; one nobody proved goes only to who can prove a key."""
    with pytest.raises(Rejected) as caught:
        decide(asked(key=OTHER_KEY), proven, row(proven=before), "new")
    assert (caught.value.status, caught.value.code) == (409, "key_mismatch")


def test_a_row_nobody_proved_goes_to_who_proves_a_key() -> None:
    assert decide(asked(key=OTHER_KEY), True, row(), "new") == Change(200, HOST, "Home", OTHER_KEY, True)


def test_a_row_from_before_keys_gets_the_first_key() -> None:
    assert decide(asked(), False, row(key=""), "new") == Change(200, HOST, "Home", KEY, False)


@pytest.mark.parametrize("proven", [True, False])
def test_a_row_nobody_proved_is_renamed_at_once(proven: bool) -> None:
    assert decide(asked(name="New"), proven, row(), "new") == Change(200, HOST, "New", KEY, proven)


def test_a_proved_row_is_renamed_at_once_with_a_proof() -> None:
    assert decide(asked(name="New"), True, row(proven=True), "new") == Change(200, HOST, "New", KEY, True)


def test_a_new_name_without_a_proof_waits() -> None:
    """Q14: knowing the public key is not enough to rename a host."""
    change = decide(asked(name="New"), False, row(proven=True), "new")
    assert change == Change(200, HOST, "Home", KEY, True, pending_name="New")


def test_the_same_name_without_a_proof_changes_nothing() -> None:
    assert decide(asked(), False, row(proven=True), "new") == Change(200, HOST, "Home", KEY, True)
