// A question and its answer, sentence by sentence as it comes.

import { answerUrl, answerView, sentenceView } from "./answer.js";
import { element, fetched, posted, tell, told, words } from "./page.js";
import { close } from "./source.js";

const form = document.getElementById("ask");
const field = document.getElementById("question");
const examples = document.getElementById("examples");
const place = document.getElementById("answer");
let running = null;

/** The server-sent events of a response, as [name, data]. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (waiting + value).split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const [, name, data] = block.match(/^event: (.*)\ndata: (.*)$/s);
      yield [name, JSON.parse(data)];
    }
  }
}

async function ask(question) {
  running?.abort();
  running = new AbortController();
  close();
  examples.hidden = true;
  tell(words.searching);
  const growing = element("div", { className: "text" });
  place.replaceChildren(growing);
  const response = await posted("/v1/ask", { question, stream: true }, { signal: running.signal });
  for await (const [name, data] of events(response)) {
    if (name === "sentence") growing.append(sentenceView(data, []));
    if (name === "done") finish(data);
    if (name === "error") tell(`${words.error}: ${data.detail}`, true);
  }
}

function finish(answer) {
  place.replaceChildren(answerView(answer));
  tell(answer.answered ? words.answered : words.no_answer);
  if (answer.answer_id) history.replaceState(null, "", answerUrl(answer.answer_id));
}

async function reopen(answerId) {
  examples.hidden = true;
  const answer = await (await fetched(`/v1/answers/${encodeURIComponent(answerId)}`)).json();
  field.value = answer.question;
  place.replaceChildren(answerView(answer));
}

function start() {
  const question = field.value.trim();
  if (question) ask(question).catch((error) => error.name === "AbortError" || told(error));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  start();
});
examples.addEventListener("click", (event) => {
  if (!event.target.matches("button")) return;
  field.value = event.target.textContent;
  start();
});

const kept = new URLSearchParams(location.search).get("answer");
if (kept) reopen(kept).catch(told);
