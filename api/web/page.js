// What every view needs: the page's words, elements, and calls to the HTTP API.

export const words = JSON.parse(document.getElementById("words").textContent);

/** `element("p", { className: "faint" }, "text", child)`; text is never read as HTML. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key in made && !key.includes("-") && key !== "lang") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** An error of the API in the person's language, where the page knows its code. */
export class Failed extends Error {
  constructor(problem) {
    const told = words[`error_${problem.code}`];
    super(told ? told : `${words.error}: ${problem.detail}`);
    this.detail = problem.detail;
    this.code = problem.code;
  }
}

/** The response, once it is known to be good. Throws `Failed`. */
export async function fetched(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Failed({ code: "offline", detail: words.offline });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ detail: `${response.status} ${response.statusText}` }));
  throw new Failed(problem);
}

export function posted(path, body, options = {}) {
  return fetched(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), ...options });
}

/** Tells a state in words, for eyes and screen readers alike; nothing where there is nothing to tell. */
export function tell(text = "", isError = false) {
  const state = document.getElementById("state");
  state.textContent = text;
  state.classList.toggle("notice", isError);
}

export function told(error) {
  if (!(error instanceof Failed)) throw error;
  tell(error.message, true);
}

/** 2024-07 · p. 12 · section */
export function facts(place) {
  const page = place.page ? `${words.page} ${place.page}` : "";
  return [place.published ?? words.undated, page, (place.section ?? []).join(" › ")].filter(Boolean).join(" · ");
}

addEventListener("keydown", (event) => {
  const field = document.querySelector("main textarea");
  if (event.key !== "/" || !field || event.target.matches("textarea, input, select") || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  field.focus();
});

document.getElementById("sign-out")?.addEventListener("click", async () => {
  await fetched("/session", { method: "DELETE" });
  location.reload();
});
