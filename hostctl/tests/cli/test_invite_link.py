"""Invite links and their QR codes."""

import pytest

from parch_hostctl.failures import Failure
from parch_hostctl.invite_link import invite_link, qr_code, read_link

HOST = "5837a5c3-5268-45e1-9ea4-ee87d959d067"


def test_a_link_names_the_host_in_the_fragment() -> None:
    assert invite_link("https://chat.example", HOST) == f"https://chat.example/client#host={HOST}"


def test_a_link_may_name_a_space() -> None:
    assert (
        invite_link("https://chat.example/", HOST, "a&b c")
        == f"https://chat.example/client#host={HOST}&space=a%26b%20c"
    )


@pytest.mark.parametrize("space", ["", "a&b c"])
def test_a_link_reads_back(space: str) -> None:
    assert read_link(invite_link("http://127.0.0.1:8001", HOST, space)) == ("http://127.0.0.1:8001", HOST, space)


def test_the_query_form_reads_too() -> None:
    assert read_link(f"https://chat.example/client?host={HOST}&space=s") == ("https://chat.example", HOST, "s")


@pytest.mark.parametrize("text", ["", "https://chat.example/client", "ftp://x/#host=1", "https:///client#host=1"])
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(Failure) as caught:
        read_link(text)
    assert caught.value.code == "invalid_link"


def test_the_qr_code_shows_a_finder_pattern_inside_a_light_border() -> None:
    lines = qr_code("https://chat.example/client#host=1").split("\n")
    assert {len(line) for line in lines} == {len(lines[0])}
    assert set(lines[0]) == {"█"}
    assert lines[1].startswith("██ ▄▄▄▄▄ █")
    assert lines[2].startswith("██ █   █ █")
