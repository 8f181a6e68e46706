// Markdown of agents and people, made safe: nothing in it runs, and nothing is loaded for it from anywhere.

import { noChange } from "./vendor/lit-html/lit-html.js";
import { Directive, directive } from "./vendor/lit-html/directive.js";
import { Marked } from "./vendor/marked/marked.esm.js";
import purify from "./vendor/dompurify/purify.es.mjs";

const TAGS = [
  "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "input", "kbd", "li",
  "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
];
const RULES = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ["align", "checked", "class", "disabled", "href", "start", "type"],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text), // tags that an agent writes are words about tags
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
  },
});

/** A sanitised fragment. */
export function safe(text, { inline = false } = {}) {
  const fragment = purify.sanitize(inline ? marked.parseInline(text) : marked.parse(text), RULES);
  for (const link of fragment.querySelectorAll("a")) dressed(link);
  for (const box of fragment.querySelectorAll("input")) box.replaceWith(box.checked ? "☑ " : "☐ ");
  for (const code of fragment.querySelectorAll("pre")) framed(code);
  for (const table of fragment.querySelectorAll("table")) scrolled(table);
  for (const head of fragment.querySelectorAll("h1,h2,h3,h4,h5,h6")) plain(head);
  return fragment;
}

function dressed(link) {
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
}

/** A block of code, with a button that copies it; app.js listens. */
function framed(code) {
  const frame = document.createElement("div");
  frame.className = "code";
  code.replaceWith(frame);
  code.tabIndex = 0; // scrolls sideways, so the keyboard has to reach it
  code.setAttribute("role", "group");
  code.setAttribute("aria-label", "Code");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.dataset.copies = "code";
  frame.append(code, button);
}

function scrolled(table) {
  const frame = document.createElement("div");
  frame.className = "wide";
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Table");
  table.replaceWith(frame);
  frame.append(table);
}

/** An answer's headings are not headings of the page. */
function plain(head) {
  const line = document.createElement("p");
  line.className = `head ${head.localName}`;
  line.append(...head.childNodes);
  head.replaceWith(line);
}

class Markdown extends Directive {
  #last = null;

  render(text, options) {
    if (text === this.#last) return noChange;
    this.#last = text;
    return safe(text, options);
  }
}

/** lit-html: `${markdown(text)}`, made anew only where the text has changed. */
export const markdown = directive(Markdown);
