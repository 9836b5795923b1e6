"""One tree of errors. In: what was wrong; out: a stable `code`, a sentence and a hint for people.

WireError
├── InvalidEncoding    base64 that is not canonical, or of the wrong length
├── InvalidBody        a message body that does not fit its type
├── InvalidKey         a public key nobody can use
├── EnvelopeError      an envelope that must not be stored or shown
├── CapabilityError    a token that does not open what was asked for
└── ChallengeError     a proof of key possession that does not hold
"""


class WireError(Exception):
    """A refusal.

    `code` is stable and snake case; `text` is the sentence shown to people; `hint` says what to do.
    """

    def __init__(self, code: str, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.hint = hint


class InvalidEncoding(WireError):
    def __init__(self, text: str) -> None:
        super().__init__("invalid_encoding", text, "Use base64 without padding, spaces or line breaks.")


class InvalidBody(WireError):
    def __init__(self, detail: str) -> None:
        super().__init__("invalid_body", f"The message does not fit its type: {detail}", "See docs/protocol.md.")


class InvalidKey(WireError):
    def __init__(self, text: str) -> None:
        super().__init__("invalid_key", text, "Send the key as this client's key store exports it.")


class EnvelopeError(WireError):
    pass


class CapabilityError(WireError):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text, "Ask for the dashboard again to get a fresh token.")


class ChallengeError(WireError):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text, "Join the host again and sign the new challenge.")
