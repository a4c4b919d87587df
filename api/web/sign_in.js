// Asks for a key, once. The page that was wanted, with the place in it, comes in its stead.

import { Failed, posted, tell, told, words } from "./page.js";

const form = document.getElementById("sign-in");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  tell(words.searching);
  try {
    await posted("/session", { key: form.elements.key.value });
    location.reload();
  } catch (error) {
    if (error instanceof Failed && error.code === "unauthorized") tell(words.key_wrong, true);
    else told(error);
  }
});

// Who follows a link from another site comes without the cookie (SameSite=Strict), be there one or not: ask from here, once.
const [visit] = performance.getEntriesByType("navigation");
if (visit.type !== "reload" && (await fetch("/session")).ok) location.reload();
