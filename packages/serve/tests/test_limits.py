"""Connection caps: an office behind one address is let in, a flood of strangers is not."""

import pytest

from parch_serve.limits import ConnectionGate

OFFICE = "203.0.113.7"


def test_an_office_of_a_thousand_people_behind_one_address_is_admitted() -> None:
    gate = ConnectionGate()
    for _ in range(1000):
        assert gate.admit(OFFICE) is None
        gate.authenticated(OFFICE)
    refusal = gate.admit(OFFICE)
    assert refusal is not None
    assert (refusal.code, refusal.limit) == ("too_many_connections", 1000)


def test_strangers_are_capped_much_earlier_until_one_signs_in_or_leaves() -> None:
    gate = ConnectionGate()
    assert all(gate.admit(OFFICE) is None for _ in range(64))
    refusal = gate.admit(OFFICE)
    assert refusal is not None
    assert (refusal.code, refusal.limit) == ("too_many_unauthenticated", 64)
    gate.authenticated(OFFICE)
    assert gate.admit(OFFICE) is None
    gate.release(OFFICE, authenticated=False)
    assert gate.admit(OFFICE) is None


def test_one_address_does_not_use_up_another() -> None:
    gate = ConnectionGate(total=1, unauthenticated=1)
    assert gate.admit(OFFICE) is None
    assert gate.admit("203.0.113.8") is None


@pytest.mark.parametrize("authenticated", [False, True])
def test_nothing_is_remembered_of_an_address_without_connections(authenticated: bool) -> None:
    gate = ConnectionGate()
    gate.admit(OFFICE)
    if authenticated:
        gate.authenticated(OFFICE)
    gate.release(OFFICE, authenticated)
    assert len(gate) == 0


def test_a_refused_connection_is_not_counted() -> None:
    gate = ConnectionGate(total=1)
    gate.admit(OFFICE)
    gate.admit(OFFICE)
    gate.release(OFFICE, authenticated=False)
    assert gate.admit(OFFICE) is None
