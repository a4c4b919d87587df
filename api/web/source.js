// A source with its cited place lit: on its own page, and in the panel beside an answer.

import { element, facts, fetched, words } from "./page.js";

/** Nodes of a text with its spans (code points) in <mark>; what can't be seen shows as a sign of its own. */
export function lit(text, spans) {
  const characters = Array.from(text, (character) => (/(?!\u200d)\p{Cf}/u.test(character) ? "\ufffd" : character));
  const nodes = [];
  let position = 0;
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    const from = Math.max(start, position);
    if (end <= from) continue;
    nodes.push(characters.slice(position, from).join(""));
    nodes.push(element("mark", {}, characters.slice(from, end).join("")));
    position = end;
  }
  return [...nodes, characters.slice(position).join("")];
}

/** The spans of an address: #start-end,start-end */
export function spansOf(hash) {
  return [...hash.matchAll(/(\d+)-(\d+)/g)].map(([, start, end]) => [Number(start), Number(end)]);
}

const texts = new Map();

async function textOf(docId) {
  if (!texts.has(docId)) texts.set(docId, await (await fetched(`/v1/documents/${docId}/source`)).text());
  return texts.get(docId);
}

const panel = document.getElementById("panel");
let opener = null;

/** Opens the panel at a citation, a match or a nearest place. `from`: the link that opened it. */
export async function show(place, from) {
  const text = await textOf(place.doc_id);
  opener?.setAttribute("aria-expanded", "false");
  opener = from;
  opener.setAttribute("aria-expanded", "true");
  const title = panel.querySelector("h2");
  title.textContent = place.title;
  title.lang = place.language ?? "ja";
  const permalink = element("a", { href: place.url }, words.permalink);
  panel.querySelector(".facts").replaceChildren(`${facts(place)} · `, permalink);
  const note = panel.querySelector("details");
  note.hidden = !place.source_note;
  note.querySelector("p").textContent = place.source_note ?? "";
  const shown = panel.querySelector(".source");
  shown.lang = place.language ?? "ja";
  shown.replaceChildren(...lit(text, place.spans));
  panel.hidden = false;
  panel.focus({ preventScroll: true });
  const first = shown.querySelector("mark");
  if (first) shown.scrollTop = first.offsetTop - shown.clientHeight / 3; // the panel alone, not the page
}

export function close() {
  if (!panel || panel.hidden) return;
  panel.hidden = true;
  opener?.setAttribute("aria-expanded", "false");
  opener?.focus();
}

/** A link to a place that opens the panel, and the source's page where a new tab is asked for. */
export function placeLink(place, text, className) {
  const link = element("a", { href: place.url, className, "aria-expanded": "false" }, text);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    show(place, link).catch(() => location.assign(place.url));
  });
  return link;
}

panel?.querySelector(".close").addEventListener("click", close);
addEventListener("keydown", (event) => event.key === "Escape" && close());

const whole = document.getElementById("source");
if (whole) {
  const text = whole.textContent;
  const light = () => {
    whole.replaceChildren(...lit(text, spansOf(location.hash)));
    whole.querySelector("mark")?.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", light);
  light();
}
