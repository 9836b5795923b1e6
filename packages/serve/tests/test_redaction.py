"""What never reaches a log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parch_serve.redaction import MASK, redact_event, redact_text


@pytest.mark.parametrize(
    "key",
    ["token", "capability_token", "password", "EMAIL_PASSWORD", "secret", "sfu_secret", "signature", "private_key",
     "signing_private_key", "authorization", "Authorization", "database_url", "DATABASE_URL", "cookie", "tokens"],
)  # fmt: skip
def test_secret_keys_are_masked(key: str) -> None:
    assert redact_event(None, "info", {key: "hunter2"}) == {key: MASK}


@pytest.mark.parametrize("key", ["event", "public_key", "tokenizer", "secretary", "signatures_checked"])
def test_other_keys_are_not(key: str) -> None:
    assert redact_event(None, "info", {key: "value"}) == {key: "value"}


def test_secrets_are_found_at_any_depth() -> None:
    event = {"body": {"items": [{"token": "t"}, ("postgresql://u:hunter2@h/d", 5)]}}
    assert redact_event(None, "info", event) == {"body": {"items": [{"token": MASK}, [f"postgresql://{MASK}@h/d", 5]]}}


def test_an_empty_secret_stays_visible_as_empty() -> None:
    assert redact_event(None, "info", {"token": ""}) == {"token": ""}


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("postgresql://u:hunter2@h:5432/d", f"postgresql://{MASK}@h:5432/d"),
        ("cannot reach nats://:hunter2@h, again", f"cannot reach nats://{MASK}@h, again"),
        ("postgresql://u:hun@ter2@h/d", f"postgresql://{MASK}@h/d"),
        ("https://example.org/a?b=c@d", "https://example.org/a?b=c@d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
    ],
)
def test_credentials_in_urls_are_masked(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted


@given(st.text("abcXYZ019!$&'()*+,;=-._~%:@", min_size=1))
def test_no_password_of_a_url_survives(password: str) -> None:
    assert redact_text(f"scheme://user:{password}@host/") == f"scheme://{MASK}@host/"
