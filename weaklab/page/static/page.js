// The page: shows the module in the whole window and talks to the server over HTTP.

import { memory } from "./memory.js";
import { plain } from "./text.js";
import { mount } from "./weaklab.js";

if (location.search) history.replaceState(null, "", location.pathname); // the link has done its work

/** Ask the server; rejects with the status and what it says. */
async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  return (await answer(path, options)).json();
}

async function answer(path, options = {}) {
  const response = await fetch(`api/${path}`, { credentials: "same-origin", ...options });
  if (response.ok) return response;
  const found = await response.json().catch(() => ({}));
  throw Object.assign(new Error(found.error || response.statusText), { status: response.status });
}

mount(document.getElementById("weaklab"), {
  ask,
  bytes: async (path) => (await answer(path)).arrayBuffer(),
  tab: memory(() => sessionStorage, location.pathname),
  browser: memory(() => localStorage, location.pathname),
  keys: document,
  reach: () => fetch("static/icon.svg", { method: "HEAD" }),
  opened: (project) => {
    document.title = `${plain(project.name)} · weaklab`;
  },
  leave: (session) => {
    const blob = new Blob(["{}"], { type: "text/plain" });
    navigator.sendBeacon(`api/sessions/${session}/end`, blob);
  },
});
