// The page: shows the module in the whole window and talks to the server over HTTP.

import { mount } from "./weaklab.js";

if (location.search) history.replaceState(null, "", location.pathname); // the link has done its work

/** Ask the server; rejects with the status and what it says. */
async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(`api/${path}`, { credentials: "same-origin", ...options });
  const found = await response.json().catch(() => ({}));
  if (response.ok) return found;
  throw Object.assign(new Error(found.error || response.statusText), { status: response.status });
}

/** A value kept by the browser; nothing depends on it being there. */
function memory(storage) {
  return {
    get(name) {
      try {
        return JSON.parse(storage.getItem(`weaklab ${location.pathname} ${name}`));
      } catch {
        return null;
      }
    },
    put(name, value) {
      try {
        storage.setItem(`weaklab ${location.pathname} ${name}`, JSON.stringify(value));
      } catch {
        // storage is full or switched off
      }
    },
  };
}

mount(document.getElementById("weaklab"), {
  ask,
  tab: memory(sessionStorage),
  browser: memory(localStorage),
  keys: document,
  leave: (session) => {
    const blob = new Blob(["{}"], { type: "text/plain" });
    navigator.sendBeacon(`api/sessions/${session}/end`, blob);
  },
});
