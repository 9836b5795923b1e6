"""The bus of a relay that is one process."""

from msgspec import Raw

from parch_relay.bus import Asked, Down, Event, LocalBus, RollCall, Said, Shown, Up, from_host, to_host

from .builders import HOST

EVENTS: list[Event] = [
    Asked(b"frame"),
    RollCall(),
    Up("c", ("push",), 1.0),
    Down(2.0),
    Said("error", Raw(b"{}")),
    Shown("c", b"frame"),
]


def test_nobody_hears_what_nobody_subscribed_to() -> None:
    assert not LocalBus().publish("subject", RollCall())


def test_every_subscriber_of_the_subject_hears_an_event_once() -> None:
    bus, first, second = LocalBus(), list[Event](), list[Event]()
    bus.subscribe("subject", first.append)
    bus.subscribe("subject", second.append)
    assert bus.publish("subject", RollCall())
    assert (first, second) == ([RollCall()], [RollCall()])


def test_other_subjects_are_not_heard() -> None:
    bus, heard = LocalBus(), list[Event]()
    bus.subscribe("subject", heard.append)
    bus.publish("another", RollCall())
    assert heard == []


def test_events_arrive_in_the_order_they_were_sent() -> None:
    bus, heard = LocalBus(), list[Event]()
    bus.subscribe("subject", heard.append)
    for event in EVENTS:
        bus.publish("subject", event)
    assert heard == EVENTS


def test_who_unsubscribes_hears_no_more_while_others_do() -> None:
    bus, gone, stays = LocalBus(), list[Event](), list[Event]()
    unsubscribe = bus.subscribe("subject", gone.append)
    bus.subscribe("subject", stays.append)
    unsubscribe()
    bus.publish("subject", RollCall())
    assert (gone, stays) == ([], [RollCall()])


def test_when_the_last_unsubscribes_it_is_certain_that_nobody_hears() -> None:
    bus = LocalBus()
    bus.subscribe("subject", lambda event: None)()
    assert not bus.publish("subject", RollCall())


def test_a_receiver_may_unsubscribe_while_it_hears() -> None:
    bus, heard = LocalBus(), list[Event]()
    unsubscribe = bus.subscribe("subject", lambda event: unsubscribe())
    bus.subscribe("subject", heard.append)
    bus.publish("subject", RollCall())
    assert heard == [RollCall()]


def test_questions_to_a_host_and_what_happens_there_are_two_subjects() -> None:
    assert to_host(HOST) != from_host(HOST)
    assert to_host(HOST) != to_host("another")
