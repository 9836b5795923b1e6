"""Replays the recording against a live relay and host: recorded steps out, every difference in.

What the recorded clients said is said again with our own keys, names and signatures; envelopes that only pretended to
be messages are replaced by real ones. What was heard then must be heard now, except where `INTENDED` says otherwise.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from chat_client import ChatClient, Frame, Identity
from conformance.recording import ADDED_TYPES, Names, differences, events
from websockets.exceptions import ConnectionClosed

MAX_ENVELOPE_BYTES = 131_072
PATIENCE = 10.0
Step = dict[str, Any]


class Intended(NamedTuple):
    """Why we answer otherwise than the recording, and what is heard instead: `heard` makes it of the recorded message.

    None in the place of `heard`: nothing is heard. With `maybe`, it is heard or not.
    """

    why: str
    heard: Callable[[Step], Step] | None = None
    maybe: bool = False


def _refused(text: str) -> Callable[[Step], Step]:
    return lambda recorded: {"type": "error", "data": {"error": text, "client_uuid": ""}}


def _space_named(recorded: Step) -> Step:
    return {**recorded, "data": {"space_uuid": SPACE}}


def _nameless(recorded: Step) -> Step:
    return {**recorded, "data": {**recorded["data"], "client_uuid": ""}}


SPACE = "80e428a0-a4c4-4178-b945-83a931e400aa"
ONCE = "a message that is stored already is not shown again; its sender hears chat_saved with duplicate, or an error"
SENDER = "an envelope that names another sender than the session is refused and shown to nobody"
TOY = "an envelope without wrapped keys and signature is refused and shown to nobody"
WORDS = "refused as well, in other words, which are free"
LEAK = "the name of a session is nobody's business"
NAMED = "the space that is gone is named"
REMOVED = "who has been removed receives nothing more, even with a token that has not run out"

INTENDED = {
    92: Intended(ONCE),
    93: Intended(ONCE, _refused("This message has been sent before"), maybe=True),
    95: Intended(SENDER, _refused("The envelope names another sender")),
    96: Intended(SENDER),
    98: Intended(TOY, _refused("invalid wrapped_keys format")),
    99: Intended(TOY),
    116: Intended(WORDS, _refused("missing encrypted envelope")),
    125: Intended(LEAK, _nameless),
    129: Intended(NAMED, _space_named),
    134: Intended(REMOVED),
    137: Intended(REMOVED, _refused("Unauthorized space access")),
    157: Intended(NAMED, _space_named),
    164: Intended(LEAK, _nameless),
    169: Intended(NAMED, _space_named),
}
"""By number of the event. They hold for relays that announce features; others are compared with the recording alone."""


class Peer:
    """One recorded client, live. `features` is what the relay announced."""

    def __init__(self, client: ChatClient) -> None:
        self.client = client
        self.identity = client.identity
        self.channel = ""
        self.features: list[str] = []
        self.perhaps: list[Step] = []

    async def next(self) -> Frame:
        """The next frame the recorded clients would know."""
        async with asyncio.timeout(PATIENCE):
            while (frame := await self.client.receive()).type in ADDED_TYPES:
                pass
        return frame


class Replay:
    """`run` gives the differences, one line each."""

    def __init__(self, host_uuid: str, peers: dict[str, ChatClient]) -> None:
        self.names = Names()
        self.peers = {name: Peer(client) for name, client in peers.items()}
        self.found: list[str] = []
        self.compared = 0
        self._learn(host_uuid)

    def _learn(self, host_uuid: str) -> None:
        """What has a name before anything is said: the host, and each client's keys."""
        for event in events():
            said, peer = event.get("json"), self.peers[event["peer"]]
            if not isinstance(said, dict) or "type" not in said:
                continue
            if said["type"] == "auth_pubkey_success":
                golden = said["data"]
                self.names.learn(golden["public_key"], peer.identity.public_key)
                self.names.learn(golden["public_key"] + "=", peer.identity.public_key + "=")
                self.names.learn(golden["enc_public_key"], peer.identity.enc_public_key)
                self.names.learn(f"user-{golden['public_key'][:8]}", f"user-{peer.identity.public_key[:8]}")
            if said["type"] == "join_host" and event["peer"] == "bob":
                self.names.learn(said["data"]["uuid"], host_uuid)

    async def run(self) -> list[str]:
        for event in events():
            if event["dir"] == "client->relay":
                await self._say(event)
            else:
                await self._hear(event)
        return self.found

    # --- saying ---

    async def _say(self, event: Step) -> None:
        peer = self.peers[event["peer"]]
        if "raw" in event:
            await peer.client.socket.send(event["raw"])
        elif "note" in event:
            await peer.client.say("chat", {"envelope": {"x": "x" * MAX_ENVELOPE_BYTES}})
        else:
            await peer.client.socket.send(json.dumps(self._ours(peer, event["json"])))

    def _ours(self, peer: Peer, said: Any) -> Any:
        if not isinstance(said, dict):
            return said
        if said.get("type") == "auth_pubkey" and isinstance(said["data"], dict):
            self._sign(peer, said["data"])
        ours = self.names.translate(said)
        if said.get("type") == "join_channel":
            peer.channel = ours["data"]["uuid"]
        if said.get("type") == "chat" and "message_id" in (said["data"].get("envelope") or {}):
            ours["data"]["envelope"] = self._sealed(peer, said["data"]["envelope"])
        return ours

    def _sign(self, peer: Peer, golden: Step) -> None:
        """The recorded signature that was good stands for one of ours over the challenge we were sent."""
        challenge = self.names.get(golden["challenge"], "")
        if challenge and len(golden["signature"]) == 86 and set(golden["signature"]) != {"A"}:
            ours = peer.identity.auth_signature(self.peers["alice"].client.host_uuid, challenge)
            self.names.learn(golden["signature"], ours)

    def _sealed(self, peer: Peer, golden: Step) -> Any:
        """A real message in the place of one that pretended; the same one when it is said again."""
        known = self.names.get(golden["message_id"], kind="envelope")
        if known is None:
            known = self._signer(golden).encrypt(
                [other.identity.recipient for other in self.peers.values()],
                peer.client.channels[peer.channel],
                peer.channel,
                f"message {golden['message_id']}",
            )
            self.names.learn(golden["message_id"], known, "envelope")
        return known

    def _signer(self, golden: Step) -> Identity:
        key = self.names.get(golden["sender_auth_public_key"])
        return next(peer.identity for peer in self.peers.values() if peer.identity.public_key == key)

    # --- hearing ---

    async def _hear(self, event: Step) -> None:
        peer, expected = self.peers[event["peer"]], event["json"]
        intended = INTENDED.get(event["i"]) if peer.features else None
        if intended is not None:
            if intended.heard is None:
                return
            expected = intended.heard(expected)
            if intended.maybe:
                peer.perhaps.append(expected)
                return
        frame = await self._next(peer)
        self.compared += 1
        if frame is None or frame.type != expected["type"]:
            self.found.append(f"event {event['i']}: {event['peer']} heard {frame} instead of {expected}")
            return
        if frame.type == "auth_challenge":
            peer.features = frame.data.get("features", [])
        for difference in differences(expected["data"], frame.data, self.names, "data"):
            self.found.append(f"event {event['i']} ({frame.type}): {difference}")

    async def _next(self, peer: Peer) -> Frame | None:
        try:
            frame = await peer.next()
            if {"type": frame.type, "data": frame.data} in [_old(perhaps, frame) for perhaps in peer.perhaps]:
                peer.perhaps.clear()
                return await self._next(peer)
            return frame
        except (TimeoutError, ConnectionClosed):
            return None


def _old(perhaps: Step, frame: Frame) -> Step:
    """`perhaps` with the fields that were added since."""
    return {
        "type": perhaps["type"],
        "data": {**(frame.data if isinstance(frame.data, dict) else {}), **perhaps["data"]},
    }
