"""Errors by who must act on them. The docstring of a class is the message a person reads; fields fill its braces."""

from __future__ import annotations

import inspect


class TugbotError(Exception):
    """Something went wrong."""

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(inspect.cleandoc(type(self).__doc__ or "").format_map(fields))


class UserError(TugbotError):
    """{reason}"""  # shown in chat, says what to do next


class OperatorError(TugbotError):
    """{reason}"""  # logged with a reference; the chat gets the reference only
