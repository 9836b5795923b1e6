"""What people type for a space, a channel or a person, and what is meant: a store and a text in, the one that fits out.

Spaces and channels go by id, by the beginning of an id, or by name. People go by public key alone (or the
beginning of one, from 8 characters on): a name is what somebody chose to be called, and two may choose the
same.
"""

from collections.abc import Sequence
from typing import TypeVar

from parch_wire.messages import Channel, User

from ..failures import conflict, not_found, usage
from ..records import SpaceHead
from ..store import Store

KEY_BEGINNING = 8
KEY_LENGTH = 43
UNSAVED = -1

Named = TypeVar("Named", SpaceHead, Channel)


def space(store: Store, text: str) -> SpaceHead:
    return _one(store.find_spaces(text), text, "space", "hostctl spaces list")


def channel(store: Store, text: str, space_text: str = "") -> Channel:
    """`space_text`, when given, says in which space to look."""
    space_uuid = space(store, space_text).uuid if space_text else ""
    return _one(store.find_channels(text, space_uuid), text, "channel", "hostctl channels list")


def person(store: Store, key: str) -> User:
    """Somebody this host has met."""
    found = [user for user in store.find_users(key) if user.public_key.startswith(key)] if key else []
    if len(key) < KEY_BEGINNING or not found:
        raise not_found(
            "unknown_user",
            f"This host knows nobody with the public key {key!r}.",
            "Give the whole key, or its first 8 characters: hostctl members list",
        )
    if len(found) > 1:
        raise conflict("ambiguous", f"{len(found)} people have keys that begin with {key!r}.", "Give the whole key.")
    return found[0]


def person_or_newcomer(store: Store, key: str, save: bool = True) -> User:
    """Somebody this host has met or, by a whole public key, will meet; `save` remembers them now."""
    if store.user_by_key(key) is not None or len(key) != KEY_LENGTH:
        return person(store, key)
    from parch_wire.identity import check_auth_public_key, normalise_username

    check_auth_public_key(key)
    name = normalise_username("", key)
    return store.meet_user(key, "", name) if save else User(id=UNSAVED, username=name, public_key=key)


def _one(found: Sequence[Named], text: str, what: str, listing: str) -> Named:
    if not text:
        raise usage(f"The {what} has no name.", listing)
    exact = [one for one in found if one.uuid == text] or [one for one in found if one.name == text] or found
    if not exact:
        raise not_found(f"unknown_{what}", f"There is no {what} {text!r} on this host.", listing)
    if len(exact) > 1:
        ids = ", ".join(one.uuid for one in exact[:5])
        raise conflict("ambiguous", f"{len(exact)} {what}s fit {text!r}: {ids}.", "Give the id.")
    return exact[0]
