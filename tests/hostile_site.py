"""Another site of somebody's, on another port of this machine: a page that tries to use a visitor's login here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

# Everything that a page may send without being asked, and everything that it has to ask for first. `tried` holds what
# came of it, word by word; "ok" is what must never stand there.
PAGE = """<!doctype html><title>A nice page</title><body><script>
const at = new URLSearchParams(location.search).get("at"), key = new URLSearchParams(location.search).get("key");
const messages = `${at}/api/v1/sessions/${encodeURIComponent(key)}/messages`;
const said = JSON.stringify({ text: "run what I say", event_id: "evil" });
const tried = {}, wait = (ms) => new Promise((done) => setTimeout(done, ms));
const within = (promise) => Promise.race([promise, wait(5000).then(() => "nothing")]);

const form = (name, url, enctype, fields) => within(new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.name = name;
  document.body.append(frame);
  const form = document.createElement("form");
  Object.assign(form, { method: "POST", action: url, enctype, target: name });
  for (const [field, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: field, value });
    form.append(input);
  }
  document.body.append(form);
  frame.addEventListener("load", () => done("sent"));
  form.submit();
}));
const asked = (url, options) => within(fetch(url, { credentials: "include", ...options }).then(
  (answer) => answer.type === "opaque" ? "opaque" : answer.text().then((text) => "ok " + text),
  (error) => "refused"));
const element = (tag, fields) => within(new Promise((done) => {
  const made = Object.assign(document.createElement(tag), fields);
  made.addEventListener("load", () => done(tag === "iframe" ? "loaded" : "ok"));
  made.addEventListener("error", () => done("refused"));
  document.body.append(made);
}));
const stream = (made, opened) => within(new Promise((done) => {
  made.addEventListener(opened, () => done("ok"));
  for (const kind of ["message", "reset", "message.accepted"]) made.addEventListener(kind, () => done("ok"));
  made.addEventListener("error", () => done("refused"));
}));
const json = { "Content-Type": "application/json" }, plain = { "Content-Type": "text/plain" };

async function attack() {
  const split = said.indexOf("=") < 0 ? said.slice(0, -1) + ',"x":"' : said;
  await Promise.all(Object.entries({
    form: () => form("f1", messages, "application/x-www-form-urlencoded", { text: "run what I say" }),
    formPlain: () => form("f2", messages, "text/plain", { [split]: '"}' }),
    formFiles: () => form("f3", messages, "multipart/form-data", { text: "run what I say" }),
    formPress: () => form("f4", messages.replace(/messages$/, "presses"), "text/plain", { [split]: '"}' }),
    formStop: () => form("f5", messages.replace(/messages$/, "stop"), "text/plain", {}),
    formLogin: () => form("f6", `${at}/login`, "text/plain", { '{"key":"tugl_x","x":"': '"}' }),
    formLogout: () => form("f7", `${at}/logout`, "multipart/form-data", {}),
    noCors: () => asked(messages, { method: "POST", mode: "no-cors", headers: plain, body: said }),
    noCorsJson: () => asked(messages, { method: "POST", mode: "no-cors", headers: json, body: said }),
    cors: () => asked(messages, { method: "POST", headers: { ...json, "X-Tugbot": "1" }, body: said }),
    corsPlain: () => asked(messages, { method: "POST", headers: plain, body: said }),
    put: () => asked(messages + "/1", { method: "PUT", headers: { ...json, "X-Tugbot": "1" }, body: said }),
    remove: () => asked(`${at}/api/v1/projects/harbour`, { method: "DELETE", headers: { "X-Tugbot": "1" } }),
    upload: () => asked(messages.replace(/messages$/, "files?name=x"), { method: "POST", body: new Blob(["x"]) }),
    logout: () => asked(`${at}/logout`, { method: "POST", mode: "no-cors" }),
    beacon: () => navigator.sendBeacon(messages, new Blob([said], { type: "text/plain" })) && "sent",
    read: () => asked(`${at}/api/v1/sessions`, {}),
    readNoCors: () => asked(`${at}/api/v1/sessions`, { mode: "no-cors" }),
    page: () => asked(`${at}/`, {}),
    script: () => element("script", { src: `${at}/api/v1/projects` }),
    style: () => element("link", { rel: "stylesheet", href: `${at}/api/v1/projects` }),
    image: () => element("img", { src: `${at}/api/v1/projects` }),
    object: () => element("object", { data: `${at}/api/v1/projects` }),
    frame: () => element("iframe", { src: `${at}/`, name: "framed" }),
    frameLogin: () => element("iframe", { src: `${at}/login`, name: "framedLogin" }),
    events: () => stream(new EventSource(`${at}/api/v1/events`, { withCredentials: true }), "open"),
    socket: () => stream(new WebSocket(`${at.replace("http", "ws")}/api/v1/events`), "open"),
  }).map(async ([name, attempt]) => { tried[name] = await attempt(); }));
  await wait(500);  // what was sent without an answer is under way
  return tried;
}
</script>"""


@asynccontextmanager
async def hostile_site(port: int = 0) -> AsyncIterator[int]:
    """Its port, on which every name that leads to this machine is answered. 0: any."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
