"""A real gateway on a free port of the loopback interface, and a client that can misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from bot.gateway.model import Address, Bounds
from bot.gateway.parts import Parts
from bot.gateway.port import claim
from bot.gateway.server import Gateway
from transports.base import Hook


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Served:
    gateway: Gateway
    session: aiohttp.ClientSession

    @property
    def port(self) -> int:
        return self.gateway.port

    async def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, data=body, headers=headers) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def raw(self, text: bytes, patience: float = 5.0) -> bytes:
        """All that comes back until the gateway hangs up; our side stays open, however little we sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(text)
            async with asyncio.timeout(patience):
                return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def served(
    hooks: Mapping[str, Hook] | None = None,
    *,
    bounds: Bounds | None = None,
    public_host: str = "",
    behind_proxy: bool = False,
    parts: Parts | None = None,
) -> AsyncIterator[Served]:
    address = Address(port=0, public_host=public_host, behind_proxy=behind_proxy)
    gateway = Gateway(address, claim(address), bounds)
    try:
        await gateway.serve(hooks or {}, parts)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Served(gateway, session)
    finally:
        await gateway.close()
