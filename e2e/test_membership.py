"""Who has been removed hears nothing more, at once, whatever tokens are left (spec Q2)."""

from collections.abc import AsyncIterator

import pytest
from chat_client import ChatClient, Refused
from crowd import Place
from deployment import Host, Relay

pytestmark = pytest.mark.processes


@pytest.fixture
async def pair(relay: Relay, host: Host) -> AsyncIterator[tuple[ChatClient, ChatClient]]:
    """The author of a space and a member, both in its channel."""
    place = await Place.made(relay.url, host.uuid, 2)
    async with await place.enter(0) as author, await place.enter(1) as member:
        yield author, member


async def remove(author: ChatClient, member: ChatClient) -> None:
    (space,) = author.spaces
    body = {"space_uuid": space, "user_id": member.user["id"], "user_public_key": member.identity.public_key}
    await author.ask("remove_space_user", {**body, "capability_token": author.tokens[space]}, "leave_space_update")


async def test_a_removed_member_hears_no_further_message(pair: tuple[ChatClient, ChatClient]) -> None:
    author, member = pair
    await remove(author, member)
    await author.send("Now we are among ourselves.")
    assert not [frame for frame in await member.fence() if frame.type == "chat"]


async def test_a_removed_member_is_told_which_space_is_gone(pair: tuple[ChatClient, ChatClient]) -> None:
    author, member = pair
    await remove(author, member)
    (space,) = author.spaces
    assert (await member.expect("leave_space_success")).data == {"space_uuid": space}


async def test_a_token_that_has_not_run_out_does_not_let_a_removed_member_back(
    pair: tuple[ChatClient, ChatClient],
) -> None:
    author, member = pair
    await remove(author, member)
    await member.expect("leave_space_success")
    with pytest.raises(Refused, match="Unauthorized"):
        await member.join_all_spaces()


async def test_nor_does_another_connection_of_the_same_person(
    pair: tuple[ChatClient, ChatClient], relay: Relay, host: Host
) -> None:
    author, member = pair
    async with await ChatClient.login(relay.url, host.uuid, member.identity) as other:
        await remove(author, member)
        await author.send("Now we are among ourselves.")
        assert not [frame for frame in await other.fence() if frame.type == "chat"]
        other.spaces, other.tokens = member.spaces, member.tokens
        with pytest.raises(Refused, match="Unauthorized"):
            await other.join_all_spaces()


async def test_a_removed_member_reads_no_history_and_says_nothing(pair: tuple[ChatClient, ChatClient]) -> None:
    author, member = pair
    body = member.seal("May I?")
    await remove(author, member)
    await member.expect("leave_space_success")
    with pytest.raises(Refused):
        await member.history()
    with pytest.raises(Refused):
        await member.send_body(body)
    assert (await author.history())["messages"] == []


async def test_who_leaves_of_their_own_accord_hears_nothing_more_either(pair: tuple[ChatClient, ChatClient]) -> None:
    author, member = pair
    (space,) = author.spaces
    await member.ask("leave_space", {"space_uuid": space}, "leave_space_success")
    await author.expect("leave_space_update")
    await author.send("Now we are among ourselves.")
    assert not [frame for frame in await member.fence() if frame.type == "chat"]
