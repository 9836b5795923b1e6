"""What is under test."""

from typing import NamedTuple


class Subject(NamedTuple):
    """A relay and a host behind it."""

    relay_url: str
    host_uuid: str
