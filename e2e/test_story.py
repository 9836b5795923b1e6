"""What a new user does first: set up a host, let two people meet there, exchange an encrypted message."""

import pytest
from chat_client import ChatClient
from deployment import Host, Relay

pytestmark = pytest.mark.processes


async def test_two_people_meet_and_read_each_other(relay: Relay, host: Host) -> None:
    async with (
        await ChatClient.login(relay.url, host.uuid, username="Ann") as ann,
        await ChatClient.login(relay.url, host.uuid, username="Bob") as bob,
    ):
        space = await ann.create_space("Book club")
        await ann.invite(bob.identity.public_key, space["uuid"])
        invite = await bob.invited()
        await bob.accept(invite["id"])
        await ann.expect("accept_invite_update")
        channel = space["channels"][0]["uuid"]
        await ann.join_channel(channel)
        await bob.join_channel(channel)

        await ann.send("Shall we read something long?")

        assert await bob.heard() == "Shall we read something long?"
        assert bob.texts(await bob.history()) == ["Shall we read something long?"]
        assert b"something long" not in b"".join(file.read_bytes() for file in host.directory.iterdir())
