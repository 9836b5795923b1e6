"""Invite links: a relay address, a host and perhaps a space in; a link, the reverse, and a QR code out.

The ids stand in the fragment (`…/client#host=<uuid>&space=<uuid>`). A browser never sends the fragment, so
neither proxies nor access logs nor `Referer` headers learn who was invited where. `read_link` takes the query
form (`?host=`) as well.
"""

from urllib.parse import parse_qs, quote, urlsplit

from .failures import usage

_HALF_BLOCKS = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}


def invite_link(relay_url: str, host_uuid: str, space_uuid: str = "") -> str:
    """The link that opens the browser client at a host, and at one of its spaces if given."""
    space = f"&space={quote(space_uuid, safe='')}" if space_uuid else ""
    return f"{relay_url.rstrip('/')}/client#host={quote(host_uuid, safe='')}{space}"


def read_link(link: str) -> tuple[str, str, str]:
    """(relay url, host uuid, space uuid or "") of an invite link. Raises Failure when it is none."""
    parts = urlsplit(link.strip())
    named = parse_qs(parts.fragment) or parse_qs(parts.query)
    if parts.scheme not in ("http", "https") or not parts.netloc or "host" not in named:
        raise usage("This is no invite link.", "A link looks like https://<relay>/client#host=<id>.", "invalid_link")
    return f"{parts.scheme}://{parts.netloc}", named["host"][0], named.get("space", [""])[0]


def qr_code(link: str, border: int = 2) -> str:
    """The link as a QR code in half blocks, two modules a character; light modules are drawn, dark ones left out.

    Reads right on a dark terminal; `hostctl` paints it white on black where colours are allowed.
    """
    import segno

    rows = [tuple(map(bool, row)) for row in segno.make(link, micro=False).matrix_iter(border=border)]
    if len(rows) % 2:
        rows.append((True,) * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join("".join(map(_HALF_BLOCKS.__getitem__, zip(*both, strict=True))) for both in pairs)
