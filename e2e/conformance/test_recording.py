"""The golden conversation, recorded between two clients, the original relay and the original host, is had again."""

from collections.abc import Callable

import pytest
from chat_client import ChatClient
from conformance.recording import ADDED_TYPES
from conformance.replay import INTENDED, Replay
from conformance.subject import Subject

pytestmark = pytest.mark.processes


async def test_a_relay_and_host_say_what_the_original_ones_said(
    subject: Subject, figure: Callable[[str], None]
) -> None:
    alice, bob = [await ChatClient.connect(subject.relay_url) for _ in range(2)]
    alice.host_uuid = bob.host_uuid = subject.host_uuid
    async with alice, bob:
        replay = Replay(subject.host_uuid, {"alice": alice, "bob": bob})
        found = await replay.run()
        assert found == []
        assert not [frame for frame in await alice.fence() if frame.type not in ADDED_TYPES]
        await bob.socket.wait_closed()
    figure(f"conformance: {replay.compared} recorded answers heard again, {len(INTENDED)} intended differences")
