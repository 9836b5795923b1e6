"""The host's database: spaces, channels, people and ciphertext in one SQLite file. `Store` is the way in.

Values in, records and wire objects out; every change is one transaction, on disk when the call returns. `sqlite3`
stays inside.
"""

from .announcements import Announcements
from .members import Members
from .messages import Messages
from .spaces import Spaces
from .users import Users

__all__ = ["Store"]


class Store(Announcements, Members, Messages, Spaces, Users):
    """Everything a host keeps. Open with `Store.open(path)`; use it from one thread at a time."""
