"""`python -m tests.model_api [port]`: the fake by hand, to try an agent program against; ends with Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from tests.model_api import serving


async def main() -> None:
    async with serving(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as api:
        print(f"ANTHROPIC_BASE_URL={api.url}\nOPENAI_BASE_URL={api.url}/v1", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
