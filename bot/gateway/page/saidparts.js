// Messages of the bot, part by part. Pure.

/** What a said.changed event makes of a message; null: it does not fit, so that the message has to be read anew. */
export function changed(said, event) {
  const kept = said.parts.slice(0, event.keep);
  if (kept.length < event.keep) return null;
  if (event.append) {
    const last = kept.pop();
    kept.push({ ...last, text: last.text + event.append });
  }
  return {
    ...said,
    kind: event.kind,
    parts: [...kept, ...event.parts],
    choices: event.choices,
    version: event.version,
  };
}

const TOOL = /^▸ /;

/** A part that tells of the work, as lines; those about tools come together: [{tools: […]} | {line}]. */
export function aside(text) {
  const found = [];
  for (const line of text.split("\n").filter((each) => each.trim())) {
    const last = found.at(-1);
    if (!TOOL.test(line)) found.push({ line });
    else if (last?.tools) last.tools.push(line.replace(TOOL, ""));
    else found.push({ tools: [line.replace(TOOL, "")] });
  }
  return found;
}

/** Choices that are shown under a message: none where what they are about is over; `stop` has its own button by the run. */
export const shownChoices = (said, isOver) =>
  isOver ? [] : said.choices.filter((choice) => !/^stop( |$)/.test(choice.text));
