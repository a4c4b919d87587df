// A pasted sentence or figure, and the places that say it or nearly say it.

import { element, facts, posted, tell, told, words } from "./page.js";
import { close, placeLink } from "./source.js";

const form = document.getElementById("lookup");
const matches = document.getElementById("matches");

function matchView(match) {
  const agree = match.numbers_agree ? words.numbers_agree : words.numbers_differ;
  const alike = `${words.similarity} ${Math.round(100 * match.similarity)}% · `;
  return element(
    "li",
    {},
    element("h3", { lang: "ja" }, match.title),
    element("p", { className: match.numbers_agree ? "facts" : "facts notice" }, `${facts(match)} · ${alike}${agree}`),
    element("blockquote", { lang: "ja" }, match.quote),
    placeLink(match, words.open_source, ""),
  );
}

async function look(text) {
  close();
  tell(words.searching);
  const found = await (await posted("/v1/citations/lookup", { text })).json();
  matches.replaceChildren(...found.matches.map(matchView));
  tell(words[found.status], found.status !== "verbatim");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  look(form.elements.text.value).catch(told);
});
