// Keeps the end of a conversation in sight, unless somebody reads further up.

const NEAR = 60; // pixels from the end that still count as being there

let shown = null; // the log that is on the page; each conversation has an element of its own
let atEnd = true;
let held = null; // pixels from the place that is read to the end, while something is put above it

/** lit-html's ref of the log. */
export function follow(element) {
  if (!element || element === shown) return;
  shown = element;
  atEnd = true;
  held = null;
  const stay = () => {
    if (element !== shown) return;
    if (atEnd) element.scrollTop = element.scrollHeight;
    else if (held !== null) element.scrollTop = element.scrollHeight - held;
    mark(element);
  };
  new MutationObserver(stay).observe(element, { childList: true, subtree: true, characterData: true });
  new ResizeObserver(stay).observe(element);
}

export function scrolled(event) {
  const element = event.currentTarget;
  atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
  mark(element);
}

/** What was said earlier is put above: the place that is read stays where it is. */
export function hold() {
  held = shown.scrollHeight - shown.scrollTop;
  atEnd = false;
}

export function release() {
  held = null;
}

/** Whoever says something wants to see it. */
export function toEnd() {
  atEnd = true;
  if (shown) shown.scrollTop = shown.scrollHeight;
}

function mark(element) {
  const button = element.querySelector(".newest");
  if (button) button.hidden = atEnd;
}
