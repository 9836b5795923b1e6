"""The order in which v1 envelopes sort base64 texts before signing: a text in, a sort key out (spec §6.4).

It is ICU's root collation over the base64 alphabet: `/` < `+` < digits < letters, case ignored; only if all else ties
the first position that differs decides, lower case first.
"""

_PRIMARY = {character: weight for weight, character in enumerate("/+0123456789abcdefghijklmnopqrstuvwxyz")}
_OTHER = len(_PRIMARY)
_TERTIARY = str.maketrans(
    {c: "\1" if c.isupper() else "\0" for c in "/+0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"}
)
_FOLD = str.maketrans({c: chr(w) for c, w in _PRIMARY.items()} | {c.upper(): chr(w) for c, w in _PRIMARY.items()})


def root_key(text: str) -> tuple[str, str]:
    """Sort key of a base64 text under root collation; other characters sort by code point behind the alphabet."""
    return text.translate(_FOLD), text.translate(_TERTIARY)
