"""Who sent it, and by which name it is known. Pure, and in constant time.

GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
Gitea: services/webhook/deliver.go sends the same tag under several names; Forgejo adds its own.
GitLab: https://docs.gitlab.com/user/project/integrations/webhooks/ — a secret token is sent as it is; a signing token
signs as https://github.com/standard-webhooks/standard-webhooks has it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from bot.webhooks.model import Kind

PREFIX = "whsec_"  # of GitLab's signing tokens; the others take any text, so ours look alike
KEY = 32  # bytes
SIGNATURES = 8  # of one message that are looked at: there are several while a token is being replaced
_GITEA = ("x-forgejo-signature", "x-gitea-signature")
_GITHUB = "x-hub-signature-256"
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,100}", re.ASCII)

Headers = Mapping[str, str]  # names in lower case


def make() -> str:
    """A secret that every forge takes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY)).decode()


def is_signed(kind: Kind, headers: Headers, body: bytes, secret: str) -> bool:
    """Whether whoever sent this knows the secret. Where a better proof is there, a worse one does not count."""
    if not secret:
        return False  # anybody could sign with that
    if kind == "gitlab":
        if "webhook-signature" in headers:
            return _is_standard(headers, body, secret)
        return _same(headers.get("x-gitlab-token", ""), secret)
    tag = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if kind == "gitea" and (name := next((name for name in _GITEA if name in headers), None)):
        return _same(headers[name], tag)
    return _same(headers.get(_GITHUB, ""), f"sha256={tag}")


def _is_standard(headers: Headers, body: bytes, secret: str) -> bool:
    """Its timestamp is signed, but is not held against a clock: who sends it once more sends a duplicate."""
    key = _signing_key(secret)
    signed = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode(errors="replace") + body
    tag = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    offered = headers["webhook-signature"].split(" ", SIGNATURES)[:SIGNATURES]
    return bool(key) and any(_same(each, f"v1,{tag}") for each in offered)


def _signing_key(secret: str) -> bytes:
    """Empty where it is none."""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        return b""


def _same(offered: str, wanted: str) -> bool:
    return hmac.compare_digest(offered.encode(errors="replace"), wanted.encode())


def event_id(kind: Kind, headers: Headers, body: bytes) -> str:
    """What makes a redelivery a duplicate.

    GitHub and Gitea sign the body alone: the delivery's id beside it can be replaced by whoever overheard one, and
    Gitea gives a redelivery a new one. So what is signed is the name. GitLab's ids are signed, or came with the secret
    itself; they are the same for every attempt, where X-Gitlab-Event-UUID is shared by several events.
    """
    name = "webhook-id" if "webhook-signature" in headers else "idempotency-key"
    if kind == "gitlab" and _NAME.fullmatch(given := headers.get(name, "")):
        return f"id:{given}"
    return f"body:{hashlib.sha256(body).hexdigest()}"
