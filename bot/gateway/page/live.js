// Follows what happens (docs/reference/events.md), over breaks, restarts of the bot and long sleeps of the browser.

const KINDS = [
  "message.accepted", "message.refused", "message.edited", "message.retracted", "message.joined", "message.returned",
  "message.answered", "message.discarded", "run.queued", "run.started", "run.running", "run.text", "run.tool",
  "run.noted", "run.asked", "run.decided", "run.ended", "project.step", "project.changed", "transport.failed",
  "transport.works", "said.added", "said.changed", "reset",
];
const REST = 60_000; // ms out of sight after which the stream is let go: a browser has few connections for each host
const GLANCE = 60_000; // ms between glances while it rests
const SOONEST = 1_000; // ms before another try where the browser gives up by itself
const LATEST = 15_000;

export class Live {
  #stream = null;
  #last = ""; // id of the newest event
  #delay = SOONEST;
  #retry = 0;
  #rest = 0;
  #tell;
  #show;
  #refused;
  #glance;
  #glancing = 0;

  /**
   * `tell(kind, data)`: an event. `show(state)`: "live" or "lost". `refused()`: the stream was refused; resolves to
   * whether to try again. `glance()`: now and then, while the stream is let go.
   */
  constructor(tell, show, refused, glance) {
    this.#glance = glance;
    this.#tell = tell;
    this.#show = show;
    this.#refused = refused;
    document.addEventListener("visibilitychange", () => this.#seen(!document.hidden));
    window.addEventListener("online", () => this.#hurry());
  }

  open() {
    this.close();
    const query = this.#last ? `?after=${encodeURIComponent(this.#last)}` : "";
    const stream = (this.#stream = new EventSource(`/api/v1/events${query}`));
    stream.addEventListener("open", () => {
      this.#delay = SOONEST;
      this.#show("live");
    });
    stream.addEventListener("error", () => this.#broken(stream));
    for (const kind of KINDS) stream.addEventListener(kind, (event) => this.#told(kind, event));
  }

  close() {
    clearTimeout(this.#retry);
    clearInterval(this.#glancing);
    this.#stream?.close();
    this.#stream = null;
  }

  #told(kind, event) {
    this.#last = event.lastEventId;
    this.#tell(kind, JSON.parse(event.data));
  }

  #broken(stream) {
    if (stream !== this.#stream) return;
    this.#show("lost");
    if (stream.readyState === EventSource.CLOSED) this.#later(); // else the browser tries again by itself
  }

  #later() {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(async () => {
      if (await this.#refused()) this.open();
    }, this.#delay);
    this.#delay = Math.min(this.#delay * 2, LATEST);
  }

  #hurry() {
    if (this.#stream?.readyState !== EventSource.OPEN && !document.hidden) this.open();
  }

  #seen(visible) {
    clearTimeout(this.#rest);
    if (!visible) this.#rest = setTimeout(() => this.#let(), REST);
    else if (!this.#stream) this.open();
  }

  #let() {
    this.close();
    this.#glancing = setInterval(this.#glance, GLANCE);
  }
}
