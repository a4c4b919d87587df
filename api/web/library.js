// The documents: adding one, watching it being read, deleting it.

import { element, fetched, tell, told, words } from "./page.js";

const form = document.getElementById("upload");
const list = document.getElementById("documents");
const more = document.getElementById("more");
let cursor = null;

function documentView(found) {
  const remove = element("button", { type: "button", className: "quiet" }, words.delete);
  remove.addEventListener("click", () => drop(found).catch(told));
  const size = found.status === "ready" ? ` · ${found.characters.toLocaleString()} ${words.characters} · ${found.passages} ${words.passages}` : "";
  return element(
    "li",
    { id: found.doc_id },
    element("h3", { lang: found.language }, element("a", { href: `/documents/${found.doc_id}` }, found.title)),
    element("p", { className: "facts" }, [found.published ?? words.undated, found.publisher, words[found.status]].filter(Boolean).join(" · ") + size),
    found.source_note ? element("p", { className: "facts" }, found.source_note) : null,
    found.error ? element("p", { className: "notice" }, words[`error_${found.code}`] ?? found.error) : null,
    found.note ? element("p", { className: "facts" }, found.note) : null,
    remove,
  );
}

async function load(next = null) {
  const query = new URLSearchParams({ limit: 50, ...(next ? { cursor: next } : {}) });
  const page = await (await fetched(`/v1/documents?${query}`)).json();
  if (!next) list.replaceChildren();
  list.append(...page.documents.map(documentView));
  cursor = page.next_cursor;
  more.hidden = !cursor;
}

async function drop(found) {
  if (!confirm(words.delete_confirm.replace("{title}", found.title))) return;
  await fetched(`/v1/documents/${found.doc_id}`, { method: "DELETE" });
  await load();
  tell(`${words.deleted}: ${found.title}`);
}

async function add(file) {
  tell(`${words.uploading} ${file.name}`);
  const body = new FormData();
  body.append("file", file);
  const response = await fetched("/v1/documents", { method: "POST", body });
  const added = await response.json();
  await load();
  if (response.status === 200) tell(`${words.known}: ${added.title}`);
  else await watch(added.doc_id);
}

/** Until a document is ready or has failed. */
async function watch(docId) {
  for (;;) {
    const found = await (await fetched(`/v1/documents/${docId}`)).json();
    if (found.status !== "processing") {
      await load();
      const failed = found.status === "failed";
      return tell(`${found.title}: ${failed ? (words[`error_${found.code}`] ?? found.error ?? words.failed) : words.ready}`, failed);
    }
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}

form.elements.file.addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if (file) add(file).catch(told).finally(() => (target.value = ""));
});
for (const name of ["dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.toggle("dragging", name === "dragover");
    if (name === "drop") for (const file of event.dataTransfer.files) add(file).catch(told);
  });
}
more.addEventListener("click", () => load(cursor).catch(told));
load().catch(told);
