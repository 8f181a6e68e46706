"""GET /login: the page that a link leads to. It sends the secret behind the # once somebody presses its button.

A button, because programs that look into links (previews, scanners, browsers that load ahead) would use the link up;
and because nobody should be logged in by a link that somebody else put before them without a word about it.
"""

from __future__ import annotations

import base64
import hashlib

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { display: grid; min-height: 90vh; place-items: center; margin: 1rem; text-align: center }
button { font: inherit; padding: .6rem 1.6rem }
"""
# textContent alone, never HTML: a person's name is their own choice.
_SCRIPT = """
const said = document.getElementById("said"), button = document.getElementById("go");
const key = location.hash.slice(1);
const say = (text) => { said.textContent = text; button.hidden = true; };
const again = "Ask for a new one: write “page” to the bot, in a conversation of two.";
if (!key) say("This is no complete link. " + again);
button.addEventListener("click", async () => {
  button.disabled = true;
  history.replaceState(null, "", "/login");
  try {
    const answer = await fetch("/login", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Tugbot": "1" },
      body: JSON.stringify({ key }),
    });
    if (answer.ok) {
      say("You are logged in as " + (await answer.json()).name + ".");
      location.replace("/");
    } else if (answer.status === 429) say("That were too many wrong links. Wait a minute.");
    else if (answer.status >= 500) say("Something went wrong inside Tugbot; its log knows more. " + again);
    else say("This link counts no more: links are used once, within ten minutes. " + again);
  } catch { say("Tugbot does not answer. " + again); }
});
"""


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


HTML = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · Tugbot</title>
<style>{_STYLE}</style>
<main>
<h1>Tugbot</h1>
<p id="said" role="status">Log in to this bot, in this browser.</p>
<button id="go" autofocus>Log in</button>
<noscript><p>This needs JavaScript: without it the link's secret would have to travel in an address.</p></noscript>
</main>
<script>{_SCRIPT}</script>
</html>
"""
POLICY = (
    f"default-src 'none'; script-src 'sha256-{_hash(_SCRIPT)}'; style-src 'sha256-{_hash(_STYLE)}'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
