// An answer as the page shows it, and as Markdown for a note.

import { element, facts, words } from "./page.js";
import { placeLink } from "./source.js";

/** The text of one sentence, labels apart from quotes, with its marks. */
export function sentenceView(sentence, citations) {
  const parts = sentence.parts.length
    ? sentence.parts.map((part) => element("span", { className: part.kind }, part.text))
    : [sentence.text];
  const unsupported = sentence.support === "unsupported" ? element("small", { className: "notice" }, words.unsupported) : null;
  return element("p", {}, ...parts, ...sentence.citations.map((number) => mark(citations[number - 1], number)), unsupported);
}

function mark(citation, number) {
  if (!citation) return element("span", { className: "mark" }, `[${number}]`);
  const link = placeLink(citation, `[${number}]`, "mark");
  link.setAttribute("aria-label", `${words.open_source} ${number}: ${citation.title}`);
  return link;
}

export function answerView(answer) {
  return element(
    "article",
    { className: "answer" },
    element("h2", { lang: answer.language }, answer.question),
    answer.answered ? answeredView(answer) : refusedView(answer),
    actions(answer),
  );
}

function answeredView(answer) {
  const sentences = answer.sentences.map((sentence) => sentenceView(sentence, answer.citations));
  return element(
    "div",
    {},
    answer.degraded ? element("p", { className: "notice" }, answer.degraded) : null,
    shortView(answer),
    element("div", { className: "text", lang: answer.answer_language }, ...sentences),
    answer.mode === "generative" ? element("p", { className: "faint" }, `${words.generated} (${answer.language_model})`) : null,
    confidence(answer.confidence),
    disagreements(answer),
    element("h2", {}, words.citations),
    places(answer.citations),
  );
}

function shortView(answer) {
  const short = answer.short_answer;
  if (!short) return null;
  const gloss = short.gloss ? element("small", { title: words.not_quoted }, ` ${short.gloss} (${words.not_quoted})`) : null;
  return element(
    "p",
    { className: "short" },
    element("b", { lang: answer.citations[short.citation - 1].language ?? answer.answer_language }, short.text),
    " ",
    mark(answer.citations[short.citation - 1], short.citation),
    gloss,
  );
}

function confidence(value) {
  const meter = element("meter", { min: 0, max: 1, value, "aria-label": words.confidence });
  return element("p", { className: "faint", title: words.confidence_note }, `${words.confidence} ${Math.round(100 * value)}% `, meter);
}

function disagreements(answer) {
  if (!answer.disagreements.length) return null;
  const tables = answer.disagreements.map((found) =>
    element(
      "table",
      {},
      element("caption", {}, found.measure),
      ...found.values.map((value) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, `${value.value}${value.value.endsWith(value.unit) ? "" : value.unit}`),
          element("td", {}, value.as_of ? `${words.as_of} ${value.as_of}` : ""),
          element("td", {}, mark(answer.citations[value.citation - 1], value.citation)),
        ),
      ),
    ),
  );
  return element("section", {}, element("h2", {}, words.disagreements), ...tables, element("p", { className: "faint" }, words.themes));
}

function refusedView(answer) {
  return element(
    "div",
    {},
    element("p", { className: "short" }, words.no_answer),
    element("p", { lang: answer.language }, answer.abstention.reason),
    confidence(answer.confidence),
    element("h2", {}, words.nearest),
    places(answer.abstention.nearest),
  );
}

function places(citations) {
  return element("ol", { className: "cards" }, ...citations.map(placeView));
}

function placeView(citation) {
  const status = citation.status ? ` · ${words[`status_${citation.status}`]}` : "";
  return element(
    "li",
    { id: `c${citation.number}` },
    element("h3", { lang: citation.language ?? "ja" }, `[${citation.number}] ${citation.title}`),
    element("p", { className: "facts" }, `${facts(citation)}${status}`),
    element("blockquote", { lang: citation.language ?? "ja" }, citation.quote),
    placeLink(citation, words.open_source, ""),
  );
}

function actions(answer) {
  const copy = element("button", { type: "button", className: "quiet" }, words.copy);
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(markdown(answer));
    copy.textContent = words.copied;
    setTimeout(() => (copy.textContent = words.copy), 2000);
  });
  if (!answer.answer_id) return element("p", { className: "actions" }, copy);
  const packs = ["html", "markdown", "csv"].map((kind) =>
    element("a", { href: `/v1/answers/${answer.answer_id}/export?format=${kind}` }, `${words.pack} (${kind === "markdown" ? "Markdown" : kind.toUpperCase()})`),
  );
  const link = element("a", { href: answerUrl(answer.answer_id) }, words.answer_link);
  return element("p", { className: "actions" }, copy, ...packs, link);
}

export function answerUrl(answerId) {
  const language = new URLSearchParams(location.search).get("lang");
  return `/?${new URLSearchParams({ ...(language ? { lang: language } : {}), answer: answerId })}`;
}

/** Characters that Markdown would take for markup are escaped; links are absolute. */
export function markdown(answer) {
  const escaped = (text) => text.replaceAll(/[\\`*_[\]<>#|~]/g, "\\$&");
  const cited = answer.abstention?.nearest ?? answer.citations;
  const lines = answer.sentences.map((sentence) => `${escaped(sentence.text)}${sentence.citations.map((n) => `[^${n}]`).join("")}`);
  const head = answer.answered ? lines : [escaped(answer.abstention.reason)];
  const notes = cited.map((c) => {
    const quote = escaped(c.quote).split("\n").join(" ");
    return `[^${c.number}]: 「${quote}」 ${escaped(c.title)} (${escaped(facts(c))}) <${new URL(c.url, location.href)}>`;
  });
  return [`**${escaped(answer.question)}**`, ...head, notes.join("\n")].join("\n\n");
}
