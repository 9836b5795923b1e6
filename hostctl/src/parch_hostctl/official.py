"""The public host's one space (spec §7.9): its uuid and name in, the space and its three channels in the store out."""

from .store import Store

NOBODY = 0
"""The author of the official space: no user has this id, so nobody runs it over the wire."""
CHANNELS = ("general", "feedback", "announcements")


def seed(store: Store, space_uuid: str, name: str) -> None:
    """Makes what is missing; what is there stays as it is."""
    with store.transaction():
        if store.space(space_uuid) is None:
            store.add_space(space_uuid, name, NOBODY)
        for channel in CHANNELS:
            if store.channel(f"{space_uuid}-{channel}") is None:
                store.add_channel(f"{space_uuid}-{channel}", channel, space_uuid)
