"""Our app in a workspace, through slack_sdk's Web API client: the only module that sends anything to Slack."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from transports.base import Disconnected, PermanentFailure, TemporaryFailure
from transports.slack.answers import failure
from transports.slack.model import Account, Content, Conversation, Me, Page, StreamOver
from transports.slack.names import Names

# It tells of each error that it raises. We say what matters, and never the requests themselves.
logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)

TIMEOUT = 30.0  # seconds for a call to be answered
SOON = 1.0  # seconds: what is said while we start, again and again perhaps, must not wait longer each time
UPLOADING = 120.0  # seconds for a file
EVENT_TYPE = "tugbot_message"  # of our messages' metadata
LOOKED_BACK = 86_400.0  # seconds in which a message that may have been posted is looked for
PAGES = 5  # of history that are searched for it
PER_PAGE = 200


class SdkWorkspace:
    """model.Workspace"""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._me: Me | None = None
        self._session: aiohttp.ClientSession | None = None
        # Without its own retries: they would post a second time what was taken although the answer got lost.
        self.client = AsyncWebClient(account.token, base_url=account.api, timeout=int(TIMEOUT), retry_handlers=[])
        self._names = Names(self._display_name)

    @property
    def me(self) -> Me:
        if self._me is None:
            raise TemporaryFailure("Slack was not asked yet who we are", retry_after=SOON)
        return self._me

    async def start(self) -> None:
        if self._session is None or self._session.closed:
            self._session = self.client.session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=UPLOADING, connect=TIMEOUT), trust_env=True
            )
        said = await self._call("auth.test")
        me = Me(*(str(said.get(key) or "") for key in ("team_id", "user_id", "bot_id", "user", "url")))
        if self._account.team not in ("", me.team):
            raise Disconnected(f"the bot's token is of {me.team}, not of {self._account.team}", lasting=True)
        self._me = me

    # ------------------------------------------------------------ messages

    async def post(self, channel: str, content: Content, thread: str = "", key: str = "") -> str:
        arguments = {**_placed(channel, thread), **_shown(content), "unfurl_links": False, "unfurl_media": False}
        if key:
            arguments["metadata"] = {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
        said = await self._call("chat.postMessage", arguments)
        return str(said["ts"])

    async def posted(self, channel: str, thread: str, key: str) -> str | None:
        return await self._mine(channel, thread, lambda message: _key(message) == key)

    async def streamed(self, channel: str, thread: str, text: str) -> str | None:
        words = _letters(text)
        return await self._mine(
            channel, thread, lambda each: not _key(each) and _letters(str(each.get("text") or "")) == words
        )

    async def _mine(self, channel: str, thread: str, wanted: Callable[[Mapping[str, Any]], bool]) -> str | None:
        """The ts of the first message of ours within the last day that is `wanted`."""
        oldest, cursor = time.time() - LOOKED_BACK, ""
        for _ in range(PAGES):
            page = await self.history(channel, thread, oldest, cursor)
            for message in page.messages:
                if message.get("user") == self.me.user and wanted(message):
                    return str(message.get("ts"))
            if not (cursor := page.cursor):
                break
        return None

    async def update(self, channel: str, ts: str, content: Content) -> None:
        await self._call("chat.update", {"channel": channel, "ts": ts, **_shown(content)})

    # ------------------------------------------------------------ streams

    async def begin_stream(
        self, channel: str, thread: str, recipient: str, text: str, blocks: Sequence[Mapping[str, Any]] = ()
    ) -> str:
        to = {"recipient_team_id": self.me.team, "recipient_user_id": recipient}
        chunks: list[dict[str, Any]] = [{"type": "markdown_text", "text": text}]
        if blocks:
            chunks.append({"type": "blocks", "blocks": list(blocks)})
        try:
            said = await self._call("chat.startStream", {**_placed(channel, thread), **to, "chunks": chunks})
        except PermanentFailure as exc:
            raise StreamOver(str(exc)) from exc
        return str(said["ts"])

    async def append(self, channel: str, ts: str, text: str) -> None:
        await self._call("chat.appendStream", {"channel": channel, "ts": ts, "markdown_text": text})

    async def end_stream(self, channel: str, ts: str) -> None:
        await self._call("chat.stopStream", {"channel": channel, "ts": ts})

    async def set_status(self, channel: str, thread: str, status: str) -> None:
        place = {"channel_id": channel, "thread_ts": thread}
        await self._call("assistant.threads.setStatus", {**place, "status": status})

    # ------------------------------------------------------------ what there is

    async def history(self, channel: str, thread: str, oldest: float, cursor: str) -> Page:
        arguments = {"channel": channel, "oldest": f"{max(oldest, 0.0):.6f}", "include_all_metadata": "true"}
        if thread:
            arguments["ts"] = thread
        method = "conversations.replies" if thread else "conversations.history"
        said = await self._call(method, _paged(arguments, cursor), form=True)
        return Page(tuple(_maps(said.get("messages"))), _cursor(said))

    async def conversations(self) -> Sequence[Conversation]:
        found: list[Conversation] = []
        cursor = ""
        wanted = {"types": "public_channel,private_channel,mpim,im", "exclude_archived": "true"}
        while True:
            said = await self._call("users.conversations", _paged(wanted, cursor), form=True)
            found += [_conversation(each, member=True) for each in _maps(said.get("channels"))]
            if not (cursor := _cursor(said)):
                return found

    async def conversation(self, channel: str) -> Conversation:
        said = await self._call("conversations.info", {"channel": channel}, form=True)
        found = said.get("channel")
        return _conversation(found if isinstance(found, Mapping) else {}, member=False)

    async def name_of(self, user: str) -> str:
        return await self._names.of(user)

    async def _display_name(self, user: str) -> str:
        said = await self._call("users.info", {"user": user}, form=True)
        found = said.get("user")
        profile = found.get("profile") if isinstance(found, Mapping) else None
        names = profile if isinstance(profile, Mapping) else {}
        return str(names.get("display_name") or names.get("real_name") or "")

    # ------------------------------------------------------------ files

    async def upload(self, channel: str, thread: str, name: str, content: bytes, key: str = "") -> str:
        async with _guarded("files.getUploadURLExternal", UPLOADING):
            said = await self.client.files_upload_v2(
                filename=name, title=name, content=content, channel=channel, thread_ts=thread or None
            )
        files = list(_maps(said.get("files")))
        return str(files[0].get("id")) if files else ""

    async def download(self, url: str, limit: int) -> bytes:
        if not self._is_slacks(url):
            raise PermanentFailure("it does not lie at Slack")  # our token goes nowhere else
        headers = {"Authorization": f"Bearer {self._account.token}"}
        async with (
            _guarded("a file", UPLOADING),
            self._http.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise failure("a file", answer.status, {"error": "" if answer.status >= 500 else "no_file"}, "")
            if answer.content_type == "text/html" and "content-disposition" not in answer.headers:
                raise PermanentFailure("Slack shows its login instead: the app lacks the scope `files:read`")
            content = bytearray()
            while len(content) <= limit and (more := await answer.content.read(limit + 1 - len(content))):
                content += more
        if len(content) > limit:
            raise PermanentFailure(f"it has more than {limit / 1e6:.0f} MB")
        return bytes(content)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _is_slacks(self, url: str) -> bool:
        try:
            place, own = urlsplit(url), urlsplit(self._account.api)
        except ValueError:  # other apps' files have addresses of their own making
            return False
        if (place.scheme, place.netloc) == (own.scheme, own.netloc):
            return True
        return place.scheme == "https" and (place.hostname or "").endswith(".slack.com")

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            raise TemporaryFailure("the connection to Slack is closed", retry_after=SOON)
        return self._session

    async def _call(
        self, method: str, arguments: Mapping[str, Any] | None = None, *, form: bool = False
    ) -> Mapping[str, Any]:
        """`form`: for methods that take no JSON."""
        if self._session is None or self._session.closed:
            raise TemporaryFailure("the connection to Slack is closed", retry_after=SOON)
        async with _guarded(method, TIMEOUT):
            given = dict(arguments or {})
            answer = await self.client.api_call(method, data=given if form else None, json=None if form else given)
        data = answer.data
        return data if isinstance(data, Mapping) else {}


@contextlib.asynccontextmanager
async def _guarded(method: str, timeout: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError as exc:
        raise TemporaryFailure(f"Slack does not answer ({method})") from exc
    except SlackApiError as exc:
        raise _failure(method, exc) from exc
    except (aiohttp.ClientError, OSError, SlackClientError) as exc:
        raise TemporaryFailure(f"Slack cannot be reached ({str(exc)[:200] or type(exc).__name__})") from exc


def _failure(method: str, exc: SlackApiError) -> Exception:
    """The response is the SDK's own, or aiohttp's where the body was no JSON."""
    response = exc.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    data = getattr(response, "data", None)
    headers = getattr(response, "headers", None) or {}
    said = data if isinstance(data, Mapping) else {}
    return failure(method, int(status), said, str(headers.get("Retry-After", "")))


def _placed(channel: str, thread: str) -> dict[str, Any]:
    return {"channel": channel, "thread_ts": thread} if thread else {"channel": channel}


def _paged(arguments: Mapping[str, str], cursor: str) -> dict[str, str]:
    return {**arguments, "limit": str(PER_PAGE), **({"cursor": cursor} if cursor else {})}


def _shown(content: Content) -> dict[str, Any]:
    return {"text": content.text, "blocks": list(content.blocks)}


def _key(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, Mapping) else None
    return str(payload.get("key") or "") if isinstance(payload, Mapping) else ""


def _letters(text: str) -> str:
    """What is left of a text however Slack writes its marks."""
    return "".join(filter(str.isalnum, text))


def _cursor(said: Mapping[str, Any]) -> str:
    metadata = said.get("response_metadata")
    return str(metadata.get("next_cursor") or "") if isinstance(metadata, Mapping) else ""


def _conversation(found: Mapping[str, Any], *, member: bool) -> Conversation:
    direct = bool(found.get("is_im"))
    inside = member or direct or bool(found.get("is_member"))
    return Conversation(str(found.get("id") or ""), direct, inside, bool(found.get("is_archived")))


def _maps(listed: Any) -> list[Mapping[str, Any]]:
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
