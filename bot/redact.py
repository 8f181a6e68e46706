"""Secrets typed into a chat, recognised by their shape and taken out before anything is written. Pure.

Shapes of tokens are those their issuers document; a false alarm costs a word, a miss costs a key.
"""

from __future__ import annotations

import re

MARK = "[secret]"

_SHAPES = re.compile(
    r"""
    (?P<url>(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}(?=@))            # https://user:password@host
  | -----BEGIN\ [A-Z ]{0,30}PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]{0,30}PRIVATE\ KEY-----|\Z)
  | \bgh[pousr]_[A-Za-z0-9]{30,255}\b                              # GitHub
  | \bgithub_pat_[A-Za-z0-9_]{30,255}\b
  | \bglpat-[A-Za-z0-9_-]{20,255}\b                                # GitLab
  | \bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,255}\b                    # Anthropic, OpenAI
  | \bxox[abeprs]-[A-Za-z0-9-]{10,255}\b                           # Slack
  | \bxapp-[A-Za-z0-9-]{10,255}\b
  | \bsyt_[A-Za-z0-9_]{20,255}\b                                   # Synapse
  | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                                  # AWS
  | \bAIza[A-Za-z0-9_-]{35}\b                                      # Google
  | \bnpm_[A-Za-z0-9]{36}\b
  | \bpypi-[A-Za-z0-9_-]{50,255}\b
  | \bhf_[A-Za-z0-9]{30,255}\b
  | \btug[cl]?_[A-Za-z0-9]{43}\b                                   # ours, bot/access/keys.py
    """,
    re.VERBOSE | re.DOTALL,
)


def redact(text: str) -> tuple[str, int]:
    """`text` with each recognised secret replaced by "[secret]", and how many there were."""
    return _SHAPES.subn(MARK, text)


def spans(text: str) -> list[tuple[int, int]]:
    """Where `redact` would put its mark."""
    return [match.span() for match in _SHAPES.finditer(text)]
