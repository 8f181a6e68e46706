"""Text that would run in a browser if it got there as anything but text. Whatever runs sets `window.__pwned`."""

from __future__ import annotations

from pathlib import Path

from tests.agents_scripted import done, opening, say, update, write_script

RUN = "window.__pwned=1;alert(1)"
IMAGE = f"<img src=x onerror={RUN}>"
ELSEWHERE = "http://evil.example:9"

MARKUP = (
    f"<script>{RUN}</script>",
    IMAGE,
    f"<svg onload={RUN}><script>{RUN}</script></svg>",
    f"<svg><a xlink:href='javascript:{RUN}'><text y=20>press me</text></a></svg>",
    f"<details open ontoggle={RUN}>x</details>",
    f"<input autofocus onfocus={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe><iframe src='javascript:parent.{RUN}'></iframe>",
    f"<object data='data:text/html,<script>{RUN}</script>'></object><embed src='{ELSEWHERE}/x'>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;{IMAGE}'>",
    f"<noscript><p title='</noscript>{IMAGE}'>",
    f"<form id=page><input name=innerHTML><button formaction='javascript:{RUN}'>Send</button></form>",
    f"<a id=message name=message href='javascript:{RUN}'>x</a><base href='{ELSEWHERE}/'>",
    f"<meta http-equiv=refresh content='0;url={ELSEWHERE}/'><link rel=stylesheet href='{ELSEWHERE}/x.css'>",
    f"<style>@import '{ELSEWHERE}/y.css'; * {{ background: url({ELSEWHERE}/z) !important }}</style>",
    f"<template shadowrootmode=open>{IMAGE}</template><x-y is=z onclick={RUN}>x</x-y>",
    f"<video><source onerror={RUN}></video><audio src=x onerror={RUN}></audio><body onload={RUN}>",
    f"--><!--{IMAGE}--><![CDATA[{IMAGE}]]>",
)
MARKDOWN = (
    f"[a link](javascript:{RUN})",
    f"[a link](JaVa\tScRiPt:{RUN})",
    f"[a link](&#106;avascript:{RUN})",
    "[a link](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    f"[a link](vbscript:{RUN}) [a link](blob:null/1) [a link](//evil.example:9/x)",
    f"<javascript:{RUN}> [reference][r]\n\n[r]: javascript:{RUN}",
    f'[title](http://example.org/ "\\" onmouseover={RUN} x=\\"")',
    f"![x]({ELSEWHERE}/pixel.png) ![x](data:image/svg+xml;base64,PHN2Zz4=) ![{IMAGE}](x)",
    f'![x](x"onerror="{RUN}) ![x]({ELSEWHERE}/a.png "\\"onload={RUN}")',
    f'```"><img src=x onerror={RUN}>\ncode {IMAGE}\n```',
    f"# {IMAGE}\n\n| a | {IMAGE} |\n|---|---|\n| `{IMAGE}` | {IMAGE} |\n\n> {IMAGE}\n\n- [ ] {IMAGE}",
    f"`{IMAGE}` ~~{IMAGE}~~ **{IMAGE}** &lt;script&gt;{RUN}&lt;/script&gt;",
)
ALL = (*MARKUP, *MARKDOWN)
TEXT = "\n\n".join(ALL)
# Names: right-to-left words, an override that turns what follows around, isolates, zero-width signs, combining marks.
NAMES = (IMAGE, "שלום עולם", "\u202egnp.exe", "a\u200bb\u2060c\ufeffd", "\u2067x\u2066", "Z" + "\u0310" * 40, "𝕋𝕦𝕘 🚢")


def agent_script(path: Path) -> Path:
    """An agent that says it wherever agents say anything: titles, inputs, outputs, questions, answers, errors."""
    call = {"toolCallId": "c1", "title": IMAGE, "kind": "execute"}
    content = [{"type": "content", "content": {"type": "text", "text": TEXT}}]
    options = [
        {"optionId": "once", "name": IMAGE, "kind": "allow_once"},
        {"optionId": "no", "name": f"<script>{RUN}</script>", "kind": "reject_once"},
    ]
    asked = {"sessionId": "s", "options": options, "toolCall": {**call, "rawInput": {IMAGE: TEXT[:2000]}}}
    begun = {"sessionUpdate": "tool_call", "status": "in_progress", "rawInput": {"x": IMAGE}, **call}
    ended = {"sessionUpdate": "tool_call_update", "toolCallId": "c1", "status": "failed", "content": content}
    error = {"code": -32603, "message": f"{IMAGE} <script>{RUN}</script>"}
    return write_script(
        path,
        *opening(),
        {"agent": update("s", begun)},
        {"agent": {"jsonrpc": "2.0", "id": 7, "method": "session/request_permission", "params": asked}},
        {"client": None},
        {"agent": update("s", ended)},
        *(say(f"{text}\n\n") for text in ALL),
        done(),
        {"client": None},
        {"agent": {"jsonrpc": "2.0", "id": 3, "error": error}},
    )
