"""What the pure modules hand to the edge."""

from parch_relay.effects import Ask, Show, Tell, tell

from .builders import ANNA, CHANNEL, HOST, person


def test_telling_one_session_is_an_effect_for_it_alone() -> None:
    anna = person(ANNA, "anna")
    assert tell(anna, b"frame") == Tell((anna,), b"frame")


def test_every_effect_names_where_it_goes() -> None:
    assert Ask(HOST, b"frame").host_uuid == HOST
    assert Show(HOST, CHANNEL, b"frame")[:2] == (HOST, CHANNEL)
