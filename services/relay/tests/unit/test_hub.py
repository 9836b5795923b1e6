"""Who is where: tables of a room while sessions come, listen, leave, and while the host moves things around."""

import pytest

from parch_relay import hub as hubs
from parch_relay.hub import Hub, Room
from parch_relay.session import Session
from parch_wire.messages import Device

from .builders import (
    ANNA,
    BEN,
    CHANNEL,
    HOST,
    OTHER_CHANNEL,
    OTHER_SPACE,
    SPACE,
    person,
    space,
    subscriber,
)


def test_a_room_learns_spaces_and_their_channels() -> None:
    made = Room(HOST)
    made.learn([space(SPACE, CHANNEL, OTHER_CHANNEL)])
    assert (made.spaces, made.channels) == ({SPACE: set()}, {CHANNEL: SPACE, OTHER_CHANNEL: SPACE})


def test_learning_a_space_again_keeps_who_joined_it(here: Room, anna: Session, ben: Session) -> None:
    here.learn([space(SPACE, CHANNEL)])
    assert here.spaces[SPACE] == {anna, ben}
    assert here.listeners[CHANNEL] == {anna, ben}


def test_a_channel_that_moves_to_another_space_loses_its_listeners(here: Room, anna: Session) -> None:
    """Q1, Q2: nobody hears a channel through a space they have not joined."""
    here.learn([space(OTHER_SPACE, CHANNEL)])
    assert here.channels[CHANNEL] == OTHER_SPACE
    assert (anna.channel_uuid, here.listeners) == ("", {})


def test_a_channel_that_moves_to_a_space_nobody_knows_is_unknown(here: Room, anna: Session) -> None:
    here.place(CHANNEL, "space-9")
    assert (anna.channel_uuid, CHANNEL in here.channels) == ("", False)


@pytest.mark.parametrize("uuid", ["", "x" * 129])
def test_a_space_or_channel_without_a_usable_uuid_is_not_learnt(uuid: str) -> None:
    """Q15: what a host names is kept for it, so names have a limit."""
    made = Room(HOST)
    made.learn([space(uuid, CHANNEL), space(SPACE, uuid)])
    assert (made.spaces, made.channels) == ({SPACE: set()}, {})


def test_a_uuid_may_be_as_long_as_an_envelope_lets_it() -> None:
    made = Room(HOST)
    made.learn([space("x" * 128)])
    assert len(made.spaces) == 1


def test_a_host_can_name_only_so_many_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Q15: a hostile host fills its share of the relay's memory and no more."""
    monkeypatch.setattr(hubs, "MAX_PLACES", 3)
    made = Room(HOST)
    made.learn([space(SPACE, "a", "b", "c"), space(OTHER_SPACE, "d")])
    assert (made.spaces, made.channels) == ({SPACE: set()}, {"a": SPACE, "b": SPACE})


def test_what_is_known_stays_known_when_the_table_is_full(here: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "MAX_PLACES", 0)
    here.learn([space(SPACE, CHANNEL)])
    assert (SPACE in here.spaces, here.channels[CHANNEL]) == (True, SPACE)


def test_a_space_the_host_has_not_described_cannot_be_joined(here: Room, anna: Session) -> None:
    here.subscribe(anna, "space-9")
    assert (anna.subscribed, "space-9" in here.spaces) == ({SPACE}, False)


def test_one_identity_may_have_several_sockets(here: Room, anna: Session) -> None:
    phone = person(ANNA, "phone")
    here.add(phone)
    assert here.identities[ANNA.public_key] == {anna, phone}


def test_a_socket_that_goes_leaves_the_other_sockets_of_its_identity(here: Room, anna: Session) -> None:
    phone = person(ANNA, "phone")
    here.add(phone)
    here.remove(anna)
    assert here.identities[ANNA.public_key] == {phone}


def test_a_socket_that_goes_is_in_no_table(here: Room, anna: Session, ben: Session) -> None:
    """Q3: nothing of a gone socket stays behind."""
    here.remove(anna)
    assert here.sessions == {"ben": ben}
    assert here.identities == {BEN.public_key: {ben}}
    assert here.spaces[SPACE] == {ben}
    assert here.listeners == {CHANNEL: {ben}}


def test_the_last_socket_leaves_no_empty_sets(here: Room, anna: Session, ben: Session) -> None:
    here.remove(anna)
    here.remove(ben)
    assert (here.sessions, here.identities, here.listeners) == ({}, {}, {})


def test_removing_a_session_that_never_proved_itself_changes_nothing(here: Room) -> None:
    before = dict(here.sessions), dict(here.identities)
    here.remove(Session("stranger", person(ANNA, "any").outlet, host_uuid=HOST))
    assert (here.sessions, here.identities) == before


def test_who_leaves_a_space_hears_its_channel_no_longer(here: Room, anna: Session, ben: Session) -> None:
    """Q2: the channel subscription ends with the space's."""
    here.unsubscribe(anna, SPACE)
    assert (anna.subscribed, anna.channel_uuid) == (set(), "")
    assert here.listeners == {CHANNEL: {ben}}


def test_leaving_one_space_keeps_the_channel_of_another(here: Room, anna: Session) -> None:
    subscriber(here, anna, OTHER_SPACE)
    here.unsubscribe(anna, OTHER_SPACE)
    assert (anna.subscribed, anna.channel_uuid) == ({SPACE}, CHANNEL)


def test_leaving_a_space_nobody_knows_changes_nothing(here: Room, anna: Session) -> None:
    here.unsubscribe(anna, "space-9")
    assert (anna.subscribed, anna.channel_uuid) == ({SPACE}, CHANNEL)


def test_who_is_expelled_is_no_member_any_longer(here: Room, anna: Session) -> None:
    """Q2: and so cannot join again with a token that is still good."""
    here.expel(anna, SPACE)
    assert (anna.spaces, anna.subscribed, anna.channel_uuid) == (set(), set(), "")


def test_leaving_a_channel_keeps_the_other_listeners(here: Room, anna: Session, ben: Session) -> None:
    here.leave_channel(anna)
    assert (anna.channel_uuid, here.listeners) == ("", {CHANNEL: {ben}})


def test_a_channel_nobody_listens_to_has_no_entry(here: Room, anna: Session, ben: Session) -> None:
    here.leave_channel(anna)
    here.leave_channel(ben)
    assert here.listeners == {}


def test_leaving_no_channel_changes_nothing(here: Room, anna: Session) -> None:
    here.leave_channel(anna)
    here.leave_channel(anna)
    assert anna.channel_uuid == ""


def test_a_dropped_channel_takes_its_listeners_and_its_memory(here: Room, anna: Session, ben: Session) -> None:
    here.replayed(CHANNEL, ANNA.public_key, "m1")
    here.drop_channel(CHANNEL)
    assert (anna.channel_uuid, ben.channel_uuid) == ("", "")
    assert (here.listeners, here.seen, here.channels) == ({}, {}, {OTHER_CHANNEL: OTHER_SPACE})


def test_a_dropped_space_takes_its_channels_and_subscriptions(here: Room, anna: Session, ben: Session) -> None:
    here.drop_space(SPACE)
    assert (here.spaces, here.channels) == ({OTHER_SPACE: set()}, {OTHER_CHANNEL: OTHER_SPACE})
    assert here.listeners == {}
    assert [s.spaces | s.subscribed | {s.channel_uuid} for s in (anna, ben)] == [{""}, {""}]


def test_a_message_passes_once(here: Room) -> None:
    """Q7: a message that has been shown is not shown again."""
    assert [here.replayed(CHANNEL, ANNA.public_key, "m1") for _ in range(2)] == [False, True]


def test_the_same_number_of_another_sender_or_channel_is_another_message(here: Room) -> None:
    here.replayed(CHANNEL, ANNA.public_key, "m1")
    assert not here.replayed(CHANNEL, BEN.public_key, "m1")
    assert not here.replayed(OTHER_CHANNEL, ANNA.public_key, "m1")


def test_only_the_newest_messages_of_a_channel_are_remembered(here: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "REPLAY_WINDOW", 2)
    for number in ("m1", "m2", "m3"):
        here.replayed(CHANNEL, ANNA.public_key, number)
    assert list(here.seen[CHANNEL]) == [(ANNA.public_key, "m2"), (ANNA.public_key, "m3")]


def _seconds(time: float) -> str:
    return f"{time:g} s"


def test_devices_are_the_own_identitys_newest_first(here: Room, anna: Session) -> None:
    anna.last_seen, anna.device_name = 10.0, "Desk"
    here.add(person(ANNA, "phone", last_seen=20.0, device_name="Phone"))
    assert here.devices(anna, _seconds) == [
        Device(device_id="device-of-phone", device_name="Phone", last_seen="20 s", is_current=False),
        Device(device_id="device-of-anna", device_name="Desk", last_seen="10 s", is_current=True),
    ]


def test_all_sockets_of_one_device_are_one_device_as_last_seen(here: Room, anna: Session) -> None:
    for seen in range(1, 9):
        here.add(person(ANNA, f"tab {seen}", last_seen=seen, device_id=anna.device_id, device_name=f"Name at {seen}"))
    assert here.devices(anna, _seconds) == [
        Device(device_id=anna.device_id, device_name="Name at 8", last_seen="8 s", is_current=True)
    ]


def test_a_session_that_is_in_no_table_sees_itself(anna: Session) -> None:
    assert [device.device_id for device in Room(HOST).devices(anna, _seconds)] == [anna.device_id]


def test_a_host_has_one_room() -> None:
    hub = Hub()
    assert hub.room(HOST) is hub.room(HOST)


def test_an_empty_room_is_forgotten() -> None:
    hub = Hub()
    hub.room(HOST)
    hub.forget(HOST)
    assert hub.rooms == {}


def test_a_room_with_a_browser_or_a_host_is_kept(anna: Session) -> None:
    hub = Hub()
    hub.room("with browser").add(anna)
    hub.room("with host").author = person(ANNA, "host")
    for uuid in ("with browser", "with host"):
        hub.forget(uuid)
    assert set(hub.rooms) == {"with browser", "with host"}


def test_forgetting_an_unknown_room_changes_nothing() -> None:
    hub = Hub()
    hub.forget(HOST)
    assert hub.rooms == {}
