"""Files, in the three steps of https://docs.slack.dev/messaging/working-with-files"""

from __future__ import annotations

from tests.slack_fake import envelopes
from tests.slack_fake.methods.method import Arguments, method
from tests.slack_fake.model import File, Json, Refused
from tests.slack_fake.team import Team


def get_url(team: Team, a: Arguments) -> Json:
    length = a.number("length", 0)
    if length < 1:
        raise Refused("invalid_arguments")
    if length > team.most_file:
        raise Refused("file_upload_size_restricted")
    made = File(team.new_id("F"), a.text("filename"), a.text("filename"), b"", uploaded=False, length=length)
    made.url = team.file_url(made)
    team.files[made.id] = made
    return {"file_id": made.id, "upload_url": f"{team.url}/upload/v1/{made.id}"}


def complete(team: Team, a: Arguments) -> Json:
    listed = a.value("files", "invalid_arguments")
    if not isinstance(listed, list) or not listed:
        raise Refused("invalid_arguments")
    files = [_completed(team, each) for each in listed]
    for place in [each for each in (a.text("channel_id"), *a.text("channels").split(",")) if each]:
        channel = team.writable(place)
        thread = team.root_of(channel, a.given.get("thread_ts"))
        text = a.text("initial_comment")
        team.look_at("files.completeUploadExternal", channel, text, [], "", {})
        team.add(team.said(channel, thread=thread, text=text, files=files, subtype="file_share"))
    return {"files": [envelopes.file(each) for each in files]}


def _completed(team: Team, given: object) -> File:
    file = team.files.get(str(given.get("id"))) if isinstance(given, dict) else None
    if file is None or not file.uploaded or file.shared:
        raise Refused("file_not_found")
    assert isinstance(given, dict)
    file.title = str(given.get("title") or file.name)
    file.shared = True
    return file


METHODS = (
    method(
        "files.getUploadURLExternal",
        get_url,
        "alt_txt snippet_type",
        "filename length",
        scope="files:write",
        json=False,
    ),
    method(
        "files.completeUploadExternal",
        complete,
        "channel_id channels thread_ts initial_comment blocks",
        "files",
        scope="files:write",
    ),
)
