"""Two people in one room; tests that need others override these by name."""

import pytest

from parch_relay.hub import Room
from parch_relay.session import Session

from .builders import ANNA, BEN, CHANNEL, SPACE, person, room, subscriber


@pytest.fixture
def anna() -> Session:
    return person(ANNA, "anna")


@pytest.fixture
def ben() -> Session:
    return person(BEN, "ben")


@pytest.fixture
def here(anna: Session, ben: Session) -> Room:
    """Anna and Ben listen to the same channel."""
    made = room(anna, ben)
    for session in (anna, ben):
        subscriber(made, session, SPACE, CHANNEL)
    return made
