"""Which relay and host the suite talks to: those named on the command line or in the environment, else ours.

`pytest e2e/conformance --relay http://127.0.0.1:8001 --host 6f1d…` works against any relay and any host behind it, the
original ones included.
"""

import pytest
from conformance.subject import Subject


@pytest.fixture(scope="session")
def relay_url(request: pytest.FixtureRequest) -> str:
    """URL of the relay under test."""
    given: str = request.config.getoption("--relay")
    return given.rstrip("/") or request.getfixturevalue("relay").url


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest, relay_url: str) -> Subject:
    """The relay and a host behind it."""
    given: str = request.config.getoption("--host")
    return Subject(relay_url, given or request.getfixturevalue("host").uuid)
