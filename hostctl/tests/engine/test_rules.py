"""Who may do what: the corners that requests seldom reach; the rest is in test_answer_*.py."""

import pytest

from parch_hostctl import rules
from parch_hostctl.errors import Refused
from parch_hostctl.records import Membership, SpaceHead
from parch_wire.messages import User

SPACE = SpaceHead(1, "S", "space", author_id=1)
AUTHOR = User(id=1, username="ann")
BOB = User(id=2, username="bob")
INVITED = Membership(7, "S", 2, joined=False)
JOINED = Membership(7, "S", 2, joined=True)


def test_a_space_that_is_not_there_has_neither_author_nor_members() -> None:
    with pytest.raises(Refused) as refused:
        rules.check_author(None, AUTHOR, "no")
    assert refused.value.code == "not_author"
    with pytest.raises(Refused) as refused:
        rules.check_member(None, AUTHOR, JOINED)
    assert refused.value.code == "not_a_member"


def test_author_and_members_belong_and_the_invited_do_not() -> None:
    assert rules.check_member(SPACE, AUTHOR, None) is SPACE
    assert rules.check_member(SPACE, BOB, JOINED) is SPACE
    for membership in (None, INVITED):
        with pytest.raises(Refused):
            rules.check_member(SPACE, BOB, membership)


def test_a_space_of_nobody_has_no_author_among_users() -> None:
    with pytest.raises(Refused):
        rules.check_author(SpaceHead(1, "S", "space", author_id=0), AUTHOR, "no")


def test_room_ends_at_the_limit() -> None:
    rules.check_room(4, 5, "things")
    with pytest.raises(Refused):
        rules.check_room(5, 5, "things")


def test_names_may_be_as_long_as_the_limit() -> None:
    assert rules.checked_name(f" {'x' * 80} ") == "x" * 80
