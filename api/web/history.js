// Kept answers, newest first, each checked against the documents as they are now.

import { answerUrl } from "./answer.js";
import { element, fetched, tell, told, words } from "./page.js";

const list = document.getElementById("answers");
const more = document.getElementById("more");
let cursor = null;

function lineView(kept) {
  const states = Object.entries(kept.statuses).map(([status, count]) => `${words[`status_${status}`]} ${count}`);
  const created = new Date(kept.created).toLocaleString(document.documentElement.lang);
  const outcome = kept.answered ? states.join(" · ") : words.refused;
  const remove = element("button", { type: "button", className: "quiet" }, words.delete);
  const line = element(
    "li",
    {},
    element("h3", { lang: kept.language }, element("a", { href: answerUrl(kept.answer_id) }, kept.question)),
    element("p", { className: "facts" }, `${created} · ${outcome} · `, element("a", { href: `/v1/answers/${kept.answer_id}/export?format=html` }, words.pack)),
    remove,
  );
  remove.addEventListener("click", () => forget(kept.answer_id, line));
  return line;
}

async function forget(answerId, line) {
  try {
    await fetched(`/v1/answers/${answerId}`, { method: "DELETE" });
    line.remove();
    tell(words.deleted);
  } catch (error) {
    told(error);
  }
}

async function load(next = null) {
  const query = new URLSearchParams({ limit: 20, ...(next ? { cursor: next } : {}) });
  const page = await (await fetched(`/v1/answers?${query}`)).json();
  list.append(...page.answers.map(lineView));
  cursor = page.next_cursor;
  more.hidden = !cursor;
  if (!list.children.length) tell(words.history_empty);
}

more.addEventListener("click", () => load(cursor).catch(told));
load().catch(told);
