"""A model API on loopback that does what the prompt says, for the real agent programs to talk to.

Speaks Anthropic Messages and OpenAI Responses, streamed. What it answers is written in the last user message:
`SAY[text]`, `SLOW[n]` (n words, one every 50 ms), `BASH[command]` (one call of the program's shell tool, then "done: "
and the end of its result), `ERR[status]`, `LIMIT[seconds]` (429, the account's limit resets after so many seconds),
`BIG[bytes,chunk]` (that many bytes in pieces of `chunk`). Anything else is echoed, with the number of user messages
that came along: by that a resumed conversation proves itself.
"""

from tests.model_api.server import ModelApi, serving

__all__ = ["ModelApi", "serving"]
