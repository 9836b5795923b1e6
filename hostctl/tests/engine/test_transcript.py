"""The golden transcript, the host's half: every request a browser caused is asked again and the answer compared.

The transcript shows what browsers said and heard; a relay adds the session to a request and passes an answer on with
fewer fields (spec §3.6). Ids, uuids, tokens and times differ from run to run: each of the transcript's must stand for
one of ours.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[3] / "packages/wire/tests/vectors"
EVENTS = json.loads((VECTORS / "chat-wire-transcript.json").read_text())["expected"]["events"]

ANSWERED_BY = {
    "get_dash_data": "dash_data_payload",
    "update_username": "update_username_success",
    "create_space": "create_space_success",
    "delete_space": "delete_space_success",
    "create_channel": "create_channel_success",
    "delete_channel": "delete_channel_success",
    "invite_user": "invite_user_success",
    "accept_invite": "accept_invite_success",
    "decline_invite": "decline_invite_success",
    "leave_space": "leave_space_update",
    "remove_space_user": "leave_space_update",
    "get_messages": "get_messages_success",
    "chat": "chat",
}
"""What a browser hears when the host has done what it asked for; the first that carries the host's words."""

OF_THE_RELAY = {"active_devices", "client_uuid"}
RELAY_REFUSES: tuple[str, ...] = (
    "Client not",
    "Authentication",
    "Unauthorized",
    "Failed to connect",
    "missing",
    "invalid",
    "encrypted",
    "Invalid chat",
)
CHANGING = {"token", "expires_at", "timestamp"}
REQUESTER = {"delete_space", "create_channel", "delete_channel", "invite_user", "remove_space_user"}


def asked_and_answered() -> Iterator[tuple[str, Any, str, Any]]:
    """Each action that reached the host: who, what, and what was heard in answer (type and data)."""
    authenticated: set[str] = set()
    for number, event in enumerate(EVENTS):
        said = event.get("json")
        if not isinstance(said, dict):
            continue
        if said.get("type") == "auth_pubkey_success":
            authenticated.add(event["peer"])
        if event["dir"] != "client->relay" or event["peer"] not in authenticated or said["type"] not in ANSWERED_BY:
            continue
        heard = next(
            later["json"]
            for later in EVENTS[number + 1 :]
            if later["peer"] == event["peer"] and later["json"]["type"] in (ANSWERED_BY[said["type"]], "error")
        )
        if heard["type"] != "error" or not heard["data"]["error"].startswith(RELAY_REFUSES):
            yield event["peer"], said, heard["type"], heard["data"]


class Sames:
    """What each id and uuid of the transcript is here; the same one is always the same."""

    def __init__(self) -> None:
        self._ours: dict[tuple[str, Any], Any] = {}

    def translate(self, value: Any) -> Any:
        """A request of the transcript in our uuids and invite ids."""
        if not isinstance(value, dict):
            return value
        kinds = {"uuid": "uuid", "space_uuid": "uuid", "space_user_id": "invite", "user_id": "user"}
        return {k: self._ours.get((kinds.get(k, ""), v), v) if k != "envelope" else v for k, v in value.items()}

    def check(self, golden: Any, ours: Any, key: str = "", kind: str = "") -> None:
        """Are they the same but for names that change?"""
        if key in CHANGING:
            assert type(golden) is type(ours)
        elif golden is None:
            assert ours == [], key
        elif isinstance(golden, dict):
            assert golden.keys() - OF_THE_RELAY == ours.keys() - OF_THE_RELAY, key
            for field in golden.keys() - OF_THE_RELAY:
                self.check(golden[field], ours[field], field, _kind(golden))
        elif isinstance(golden, list):
            assert len(golden) == len(ours), key
            for left, right in zip(golden, ours, strict=True):
                self.check(left, right, key, kind)
        elif name := _name(key, kind):
            assert self._ours.setdefault((name, golden), ours) == ours, key
        else:
            assert golden == ours, key


def _kind(fields: Any) -> str:
    """What an object with an `id` is."""
    for field, kind in (
        ("envelope", "message"),
        ("joined", "invite"),
        ("author_id", "space"),
        ("allow_voice", "channel"),
    ):
        if field in fields:
            return kind
    return "user" if "username" in fields else "channel"


def _name(key: str, kind: str) -> str:
    """The sort of name a field holds, "" when it is no name."""
    if key in ("uuid", "space_uuid", "channel_uuid"):
        return "uuid"
    if key in ("user_id", "author_id"):
        return "user"
    return {"id": kind, "space_user_id": "invite"}.get(key, "")


def shown(action: str, data: Any) -> Any:
    """The part of the host's answer that a relay passes on."""
    fields = {
        "invite_user": ("public_key",),
        "decline_invite": ("space_user_id", "user_id", "user_public_key"),
        "leave_space": ("space_uuid", "user_id", "user_public_key"),
        "remove_space_user": ("space_uuid", "user_id", "user_public_key"),
    }
    return {field: data[field] for field in fields.get(action, data)}


def test_the_host_answers_as_the_original_did(host: Any) -> None:
    sessions = {
        event["peer"]: event["json"]["data"]
        for event in EVENTS
        if isinstance(event.get("json"), dict) and event["json"].get("type") == "auth_pubkey_success"
    }
    sames, compared, channel = Sames(), 0, ""
    for peer, said, heard, golden in asked_and_answered():
        session, action = sessions[peer], said["type"]
        prefix = "requester_" if action in REQUESTER else ""
        body = sames.translate(said["data"]) if isinstance(said["data"], dict) else {}
        body |= {f"{prefix}user_public_key": session["public_key"], "client_uuid": peer}
        body |= {f"{prefix}user_enc_public_key": session["enc_public_key"]}
        if action in ("get_dash_data", "create_space"):
            body["username"] = session["username"]
        if action in ("chat", "get_messages"):
            body["channel_uuid"] = channel
        if action == "chat":
            _as_the_original_stored_it(host, body, session)
            continue
        [(kind, data)] = host.ask(f"{action}_request", **body)
        compared += 1
        if heard == "error":
            assert (kind, data["error"]) == ("error", golden["error"])
        elif action == "delete_space":
            assert data == {"ClientUUID": peer, "SpaceUUID": body["uuid"]}
        else:
            sames.check(golden, shown(action, data))
        if action == "create_space":
            channel = data["space"]["channels"][0]["uuid"]
    assert compared >= 25
    print(f"\n{compared} answers compared")


def _as_the_original_stored_it(host: Any, body: Any, session: Any) -> None:
    """The transcript's envelopes are not signed: we refuse them, the original kept what named its sender."""
    counts = host.store.counts()
    [(kind, _)] = host.ask("save_chat_message_request", **{**body, "request_id": "r"})
    assert kind == "error"
    assert host.store.counts().messages == counts.messages
    envelope = body["envelope"]
    sender = session["public_key"]
    if envelope.get("message_id") and envelope.get("sender_auth_public_key") == sender:
        user = host.store.user_by_key(sender)
        kept = json.dumps({**envelope, "n": 1})
        host.store.save_message(body["channel_uuid"], user.id, sender, envelope["message_id"], kept, host.now)
