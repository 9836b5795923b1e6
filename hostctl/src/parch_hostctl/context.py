"""What an answer may use: the host's facts, a narrow port to its records, a clock and fresh uuids.

Nothing here does I/O; the running host hands in its store, its clock and its randomness, and tests hand in theirs.
"""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parch_wire.messages import Channel, Invite, Space, User

from .records import Membership, Page, Saved, SpaceHead
from .rules import DEFAULT_LIMITS, Limits

SESSIONS = 10_000


class Records(Protocol):
    """The part of the store that answers need; its own docstrings say what each method does."""

    def transaction(self) -> AbstractContextManager[None]: ...
    def user(self, user_id: int) -> User | None: ...
    def user_by_key(self, public_key: str) -> User | None: ...
    def meet_user(self, public_key: str, enc_public_key: str, username: str) -> User: ...
    def rename_user(self, user_id: int, username: str) -> None: ...
    def space(self, uuid: str) -> SpaceHead | None: ...
    def spaces_of(self, user_id: int) -> list[SpaceHead]: ...
    def count_authored(self, user_id: int) -> int: ...
    def whole_space(self, head: SpaceHead) -> Space: ...
    def add_space(self, uuid: str, name: str, author_id: int) -> SpaceHead: ...
    def delete_space(self, uuid: str) -> bool: ...
    def channel(self, uuid: str) -> Channel | None: ...
    def channels(self, space_uuid: str) -> list[Channel]: ...
    def add_channel(self, uuid: str, name: str, space_uuid: str) -> Channel: ...
    def delete_channel(self, uuid: str) -> bool: ...
    def allow_voice(self, uuid: str, allow: int) -> bool: ...
    def membership(self, space_uuid: str, user_id: int) -> Membership | None: ...
    def membership_by_id(self, space_user_id: int) -> Membership | None: ...
    def count_members(self, space_uuid: str) -> int: ...
    def invites_of(self, user_id: int) -> list[Invite]: ...
    def add_invite(self, space_uuid: str, user_id: int) -> Invite: ...
    def accept_invite(self, space_user_id: int) -> None: ...
    def end_membership(self, space_uuid: str, user_id: int) -> bool: ...
    def has_departed(self, space_uuid: str, user_id: int) -> bool: ...
    def save_message(
        self, channel_uuid: str, user_id: int, sender: str, message_id: str, content: str, now: float
    ) -> Saved: ...
    def page_before(self, channel_uuid: str, before_id: int, limit: int) -> Page: ...
    def page_after(self, channel_uuid: str, after_id: int, limit: int) -> Page: ...
    def id_before(self, channel_uuid: str, text: str, now: float) -> int: ...


class Sessions:
    """Which identity each browser session of the relay has, as its requests said; the oldest are forgotten first.

    A relay of the original names no reader when it asks for history, but every browser asks for its dashboard first.
    """

    def __init__(self, limit: int = SESSIONS) -> None:
        self._keys: OrderedDict[str, str] = OrderedDict()
        self._limit = limit

    def learn(self, client_uuid: str, public_key: str) -> None:
        if client_uuid and public_key:
            self._keys[client_uuid] = public_key
            self._keys.move_to_end(client_uuid)
            if len(self._keys) > self._limit:
                self._keys.popitem(last=False)

    def key_of(self, client_uuid: str) -> str:
        """The public key of that session, "" when unknown."""
        return self._keys.get(client_uuid, "")


class Context:
    """One host at work. `now` gives unix seconds; `official_space` is set on the public host only (spec §7.9)."""

    def __init__(
        self,
        records: Records,
        *,
        host_uuid: str,
        signing_key: Ed25519PrivateKey,
        now: Callable[[], float],
        new_uuid: Callable[[], str],
        limits: Limits = DEFAULT_LIMITS,
        official_space: str = "",
    ) -> None:
        self.records = records
        self.host_uuid = host_uuid
        self.signing_key = signing_key
        self.now = now
        self.new_uuid = new_uuid
        self.limits = limits
        self.official_space = official_space
        self.sessions = Sessions()
        self.relay_features: frozenset[str] = frozenset()
        """What the relay of the moment understands (docs/protocol.md §2.1)."""
