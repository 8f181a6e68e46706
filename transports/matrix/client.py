"""Our account on a homeserver, through matrix-nio: the only module that imports it.

Of nio's ways to receive, only single calls of `sync` are used: its loop, its token store and its callbacks lose
messages.
"""

from __future__ import annotations

import io
import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import nio
from nio.api import MessageDirection, RoomPreset
from nio.crypto import decrypt_attachment
from nio.exceptions import EncryptionError, LocalProtocolError, OlmUnverifiedDeviceError, SendRetryError

from transports.base import Disconnected, PermanentFailure, TemporaryFailure
from transports.matrix.answers import (
    TIMEOUT,
    asked,
    checked,
    event_of,
    failure,
    guarded,
    invitation,
    room_news,
    sealed_event,
)
from transports.matrix.model import KINDS, Account, Event, News, Page, Policy
from transports.matrix.shapes import sound

log = logging.getLogger(__name__)

SLACK = 20.0  # seconds beyond a sync's own waiting
TIMELINE = 100  # events of a room in one sync; Synapse gives no more
MAX_EVENT = 60_000  # bytes of content; the whole event may have 65,536
MAX_ENCRYPTED = 40_000  # the same before encryption, which makes base64 of it
TYPING = 30_000  # milliseconds


class _Compact(nio.Api):  # type: ignore[misc]  # untyped
    @staticmethod
    def to_json(content_dict: dict[Any, Any]) -> str:
        return json.dumps(content_dict, ensure_ascii=False, separators=(",", ":"))


# What is encrypted is not unescaped on its way: "é" would take six bytes, and half of a long message would not fit.
if nio.crypto.ENCRYPTION_ENABLED:
    nio.crypto.olm_machine.Api = _Compact


class _Client(nio.AsyncClient):  # type: ignore[misc]  # untyped
    async def parse_body(self, transport_response: Any) -> Any:
        try:
            return sound(await super().parse_body(transport_response))
        except (ValueError, LookupError, RecursionError) as exc:  # no text or number, of no known charset, too deep
            log.error("the homeserver's answer cannot be read: %s", type(exc).__name__)
            return {}


def can_encrypt() -> bool:
    """Whether nio found its library for encrypted rooms."""
    return bool(nio.crypto.ENCRYPTION_ENABLED)


class NioHomeserver:
    """model.Homeserver"""

    def __init__(self, account: Account, policy: Policy, store: Path) -> None:
        """`store`: a directory of the bot's own, for the keys of encrypted rooms."""
        self._account = account
        self._policy = policy
        self._store = store
        self._fresh = True  # no sync yet in this process
        self.display_name = ""
        config = nio.AsyncClientConfig(
            store_sync_tokens=False,
            encryption_enabled=policy.e2ee,
            pickle_key=_pickle_key(store) if policy.e2ee else "",
            max_limit_exceeded=0,
            max_timeouts=0,
            request_timeout=TIMEOUT,
        )
        path = str(store) if policy.e2ee else ""
        self._client = _Client(account.homeserver, account.user, account.device or None, path, config)
        self._client.access_token = account.token

    @property
    def user(self) -> str:
        return str(self._client.user_id)

    @property
    def device(self) -> str:
        return str(self._client.device_id or "")

    async def start(self) -> None:
        who = await asked(self._client.whoami(), nio.WhoamiResponse)
        if self._account.user and who.user_id != self._account.user:
            raise Disconnected(f"the token is of {who.user_id}, not of {self._account.user}", lasting=True)
        if self._fresh:
            self._client.restore_login(who.user_id, who.device_id or "", self._account.token)
        try:
            profile = await asked(self._client.get_profile(who.user_id), nio.ProfileGetResponse)
            self.display_name = str(profile.displayname or "")
        except PermanentFailure as exc:  # not every account has one
            log.info("our own name is not known: %s", exc)

    # ------------------------------------------------------------ receiving

    async def sync(self, since: str, timeout: float) -> News:
        said = await asked(
            self._client.sync(
                timeout=0 if self._fresh else int(timeout * 1000),
                since=since or None,
                # Else the rooms in which nothing happens would be unknown to this process.
                full_state=self._fresh,
                sync_filter=self._filter(TIMELINE if since else 1),
            ),
            nio.SyncResponse,
            TIMEOUT * 4 if self._fresh else timeout + SLACK,
        )
        self._fresh = False
        await self._tend_keys()
        rooms = (room_news(room, info) for room, info in said.rooms.join.items())
        return News(
            token=said.next_batch,
            rooms=tuple(room for room in rooms if room.events or room.limited),
            invites=tuple(
                invite for room, info in said.rooms.invite.items() if (invite := invitation(room, info, self.user))
            ),
            left=tuple(said.rooms.leave),
        )

    async def older(self, room: str, start: str, end: str, limit: int) -> Page:
        said = await asked(
            self._client.room_messages(
                room, start, end or None, MessageDirection.back, limit, self._filter(limit)["room"]["timeline"]
            ),
            nio.RoomMessagesResponse,
        )
        events = tuple(event_of(event, room) for event in said.chunk)
        more = said.end if said.end and said.end != start else None
        return Page(events, more)

    async def event(self, room: str, event_id: str) -> Event:
        said = await asked(self._client.room_get_event(room, event_id), nio.RoomGetEventResponse)
        event = event_of(said.event, room)
        if event.kind == "m.room.encrypted" and event.source is not None:
            return await self.open(event.source, room) or event
        return event

    async def open(self, source: Mapping[str, Any], room: str) -> Event | None:
        sealed = sealed_event(source, room)
        if sealed is None or not self._client.olm:
            return None
        try:
            return event_of(self._client.decrypt_event(sealed), room)
        except EncryptionError:
            return None

    async def ask_for_key(self, source: Mapping[str, Any], room: str) -> None:
        sealed = sealed_event(source, room)
        if sealed is None or not self._client.olm:
            return
        try:
            await asked(self._client.request_room_key(sealed), nio.RoomKeyRequestResponse)
        except LocalProtocolError:
            log.debug("the key of %s was asked for before", sealed.session_id)

    # ------------------------------------------------------------ sending

    async def put(self, room: str, kind: str, content: Mapping[str, Any], transaction: str) -> str:
        trust = self._policy.trust_unverified
        try:
            said = await asked(
                self._client.room_send(
                    room, kind, dict(content), transaction or secrets.token_hex(16), ignore_unverified_devices=trust
                ),
                nio.RoomSendResponse,
            )
        except OlmUnverifiedDeviceError as exc:
            raise PermanentFailure(
                f"somebody in the room has a device that nobody verified ({exc.device.user_id} {exc.device.device_id})"
            ) from exc
        except LocalProtocolError as exc:  # a room that this process has not heard of, or keys on their way elsewhere
            raise TemporaryFailure(str(exc)) from exc
        except SendRetryError as exc:
            raise TemporaryFailure(str(exc)) from exc
        return str(said.event_id)

    async def upload(self, room: str, name: str, content: bytes, mime: str) -> Mapping[str, Any]:
        encrypted = self._encrypted(room)
        sending = self._client.upload(io.BytesIO(content), mime, name, encrypt=encrypted, filesize=len(content))
        answer, keys = await guarded(sending, TIMEOUT * 4)  # nio itself would wait for ever
        said = checked(answer, nio.UploadResponse)
        if keys is None:
            return {"url": said.content_uri}
        return {"file": {**keys, "url": said.content_uri, "mimetype": mime}}

    async def download(self, content: Mapping[str, Any], limit: int) -> bytes:
        file = content.get("file")
        encrypted = isinstance(file, Mapping)
        try:
            place = urlsplit(str(file.get("url") if isinstance(file, Mapping) else content.get("url")))
        except ValueError as exc:  # "mxc://[", from anybody
            raise PermanentFailure("the file has no address") from exc
        if place.scheme != "mxc" or not place.netloc or place.path.count("/") != 1:
            raise PermanentFailure("the file has no address")
        path = f"/_matrix/client/v1/media/download/{quote(place.netloc, '')}/{quote(place.path[1:], '')}"
        data = await self._fetched(path, limit)
        if not encrypted:
            return data
        try:
            assert isinstance(file, Mapping)
            return bytes(decrypt_attachment(data, file["key"]["k"], file["hashes"]["sha256"], file["iv"]))
        except (EncryptionError, KeyError, TypeError, ValueError) as exc:
            raise PermanentFailure("the file cannot be decrypted") from exc

    async def typing(self, room: str, on: bool) -> None:
        await asked(self._client.room_typing(room, on, TYPING), nio.RoomTypingResponse)

    async def read_up_to(self, room: str, event_id: str) -> None:
        await asked(self._client.update_receipt_marker(room, event_id), nio.UpdateReceiptMarkerResponse)

    # ------------------------------------------------------------ rooms

    async def join(self, room: str, via: Sequence[str] = ()) -> str:
        query = urlencode([("via", server) for server in via])
        said = await self._raw("POST", f"/_matrix/client/v3/join/{quote(room, '')}?{query}", "{}")
        return str(said.get("room_id", room))

    async def make_room(self, name: str, invited: Sequence[str], *, encrypted: bool) -> str:
        state = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
        said = await asked(
            self._client.room_create(
                name=name,
                invite=list(invited),
                preset=RoomPreset.private_chat,
                initial_state=[state] if encrypted else [],
            ),
            nio.RoomCreateResponse,
        )
        return str(said.room_id)

    def people(self, room: str) -> int:
        known = self._client.rooms.get(room)
        return 0 if known is None else int(known.member_count)

    def name_of(self, room: str, user: str) -> str:
        known = self._client.rooms.get(room)
        return (known.user_name(user) if known else "") or user[1:].partition(":")[0]

    def max_event(self, room: str) -> int:
        return MAX_ENCRYPTED if self._encrypted(room) else MAX_EVENT

    async def close(self) -> None:
        await self._client.close()

    # ------------------------------------------------------------ parts

    def _encrypted(self, room: str) -> bool:
        known = self._client.rooms.get(room)
        return bool(self._policy.e2ee and known and known.encrypted)

    def _filter(self, limit: int) -> dict[str, Any]:
        # Without `not_senders` our own edits would push people's messages out of the window.
        timeline = {"limit": limit, "not_senders": [self.user], "types": list(KINDS)}
        # Not lazily: a homeserver that has told a member to an earlier process of ours does not tell them again, and we
        # believe to be alone. Whether it is a conversation of two decides whether a message is meant for us.
        state = {"lazy_load_members": False}
        nothing: dict[str, Any] = {"types": []}
        return {
            "room": {"timeline": timeline, "state": state, "ephemeral": nothing, "account_data": nothing},
            "presence": nothing,
            "account_data": nothing,
        }

    async def _tend_keys(self) -> None:
        """What nio leaves to its own loop."""
        client = self._client
        if not client.olm:
            return
        try:
            await client.send_to_device_messages()
            if client.should_upload_keys:
                await asked(client.keys_upload(), nio.KeysUploadResponse)
            if client.should_query_keys:
                await asked(client.keys_query(), nio.KeysQueryResponse)
            if client.should_claim_keys:
                await asked(client.keys_claim(client.get_users_for_key_claiming()), nio.KeysClaimResponse)
        except TemporaryFailure as exc:
            log.warning("keys could not be looked after: %s", exc)  # nio asks for the same at the next sync

    async def _raw(self, method: str, path: str, body: str | None = None) -> Mapping[str, Any]:
        """A request that nio has no call for."""
        return await guarded(self._answered(method, path, body), TIMEOUT)

    async def _answered(self, method: str, path: str, body: str | None) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {self._account.token}", "Content-Type": "application/json"}
        response = await self._client.send(method, path, body, headers)
        try:
            said = json.loads(await response.read())
        except (ValueError, RecursionError):
            said = {}
        said = said if isinstance(said, dict) else {}
        if response.status >= 400:
            raise failure(
                str(said.get("errcode")), str(said.get("error", "")), response.status, said.get("retry_after_ms")
            )
        return said

    async def _fetched(self, path: str, limit: int) -> bytes:
        return await guarded(self._limited(path, limit), TIMEOUT * 4)

    async def _limited(self, path: str, limit: int) -> bytes:
        headers = {"Authorization": f"Bearer {self._account.token}"}
        response = await self._client.send("GET", path, None, headers)
        try:
            if response.status >= 400:
                raise failure("", "the file cannot be had", response.status, None)
            parts, size = [], 0
            async for part in response.content.iter_chunked(65_536):
                size += len(part)
                if size > limit:
                    raise PermanentFailure(f"the file has more than {limit / 1e6:.0f} MB")
                parts.append(part)
            return b"".join(parts)
        finally:
            response.close()


def _pickle_key(store: Path) -> str:
    """The password of the key store; made once."""
    path = store / "pickle.key"
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()
