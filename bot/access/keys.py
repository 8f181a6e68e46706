"""What proves who somebody is over HTTP: made, and kept as a digest. Pure but for chance.

A digest without salt and stretching is enough, because nobody chose what is under it: it is 256 random bits, which no
table holds and no guessing reaches. So a look-up costs a microsecond, and whoever reads the file can call nobody.
"""

from __future__ import annotations

import hashlib
import secrets
import string

_LETTERS = string.ascii_letters + string.digits  # no - and _: a double click takes the whole of it
_LENGTH = 43  # 62 ** 43 is 256 bits
# What they begin with, so that bot/redact.py takes them out of what is said and logged.
TOKEN, LINK, COOKIE = "tug_", "tugl_", "tugc_"


def make(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def digest(key: str) -> str:
    """Look-ups are by digest: how long one takes tells about the digest of a guess, never about a key."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
