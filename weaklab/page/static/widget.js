// The widget of notebooks: shows the module in a cell and talks to Python by messages, without a server.

import { memory } from "./memory.js";
import { counted } from "./text.js";
import { mount } from "./weaklab.js";

const SILENT_MS = 8000;
const LONGEST_MS = 120_000;
const PROBE_MS = 2000;
const GONE = "The kernel is gone. Run this cell again to go on; nothing is lost";
const SILENCE = "The kernel does not answer. It may be busy; if it was started again, run this cell again. Nothing is lost.";

// Places in the browser's memory that a widget on this page holds now; each has its answers that were not sent yet.
const held = (globalThis[Symbol.for("weaklab widgets")] ??= new Set());

function render({ model, el }) {
  const { project, annotator, view, height } = model.get("_setup");
  const place = freePlace(project);
  const tab = memory(() => sessionStorage, place);
  const host = el.appendChild(document.createElement("div"));
  const shadow = host.attachShadow({ mode: "open" });
  const root = shadow.appendChild(document.createElement("section"));
  root.tabIndex = -1;
  host.dataset.lmSuppressShortcuts = "true"; // JupyterLab looks at keys before anybody else does
  host.style.height = `${height}px`;
  for (const kind of ["keydown", "keypress", "keyup"]) shadow.addEventListener(kind, (event) => event.stopPropagation());
  const python = messages(model);
  const style = styled(host, shadow, model.get("_style"));
  const focus = keepFocus(host, shadow, root);
  const unmount = mount(root, {
    ask: async (path, body) => (await python.ask(path, body)).reply,
    bytes: async (path) => buffer((await python.ask(path)).content),
    tab,
    browser: memory(() => localStorage, project),
    keys: root,
    name: annotator,
    view,
    focused: focus.here,
    silence: SILENCE,
    image: async (field) => URL.createObjectURL(file(await python.ask(field.url.replace("api/", "")))),
    save: async (path) => save(path, file(await python.ask(path))),
  });
  const work = () => tab.get("work");
  const stop = () => {
    unmount();
    held.delete(place);
    focus.stop();
  };
  const gone = () => {
    stop();
    const waiting = work()?.outbox?.length || 0;
    const line = document.createElement("p");
    line.className = "banner gone";
    line.setAttribute("role", "alert");
    line.textContent = waiting ? `${GONE}, and ${counted(waiting, "answer")} that it did not get will be stored then.` : `${GONE}.`;
    root.replaceChildren(line);
    host.style.height = "auto";
    host.dataset.gone = "true";
  };
  python.whenGone(gone);
  return () => {
    const { session, outbox } = work() || {};
    if (session && !outbox?.length) python.tell(`sessions/${session}/end`, {});
    stop();
    style.stop();
    python.stop();
    host.remove();
  };
}

/** Take a place in the browser's memory that no other widget on this page holds. */
function freePlace(project) {
  let n = 0;
  while (held.has(`${project} ${n}`)) n++;
  held.add(`${project} ${n}`);
  return `${project} ${n}`;
}

// ---- messages

/** Questions to Python: each has an id, and the reply has the same one. */
function messages(model) {
  const waiting = new Map();
  const mine = Math.random().toString(36).slice(2);
  let n = 0;
  let silent = 0; // questions in turn that had no answer
  const receive = (content, buffers) => {
    const wait = waiting.get(content?.id);
    if (!wait) return;
    silent = 0;
    wait.end();
    const reply = JSON.parse(content.json);
    if (content.status === 200) wait.resolve({ reply, type: content.type, content: buffers?.[0] });
    else wait.reject(Object.assign(new Error(reply.error), { status: content.status }));
  };
  model.on("msg:custom", receive);
  const tell = (path, body, id) => model.send({ id, path, body });
  const ask = (path, body, limit) =>
    new Promise((resolve, reject) => {
      const id = `${mine}-${++n}`;
      const repeated = /^sessions\/[^/]+$/.test(path); // asked again by itself
      const wait = limit ?? (repeated ? Math.min(LONGEST_MS, SILENT_MS * 2 ** silent) : LONGEST_MS);
      const timer = setTimeout(() => {
        silent++;
        waiting.delete(id);
        reject(new Error(SILENCE));
      }, wait);
      const end = () => {
        clearTimeout(timer);
        waiting.delete(id);
      };
      waiting.set(id, { resolve, reject, end });
      try {
        tell(path, body, id);
      } catch (error) {
        end();
        reject(error);
      }
    });
  let told = null;
  let asking = false;
  const doubt = async () => {
    if (asking) return;
    asking = true;
    await ask("project", undefined, PROBE_MS).catch(() => told?.());
    asking = false;
  };
  model.on("comm_live_update", doubt);
  model.on("comm:close", () => told?.());
  return {
    ask,
    tell: (path, body) => {
      try {
        tell(path, body, `${mine}-0`);
      } catch {
        // nobody is there any more
      }
    },
    whenGone: (call) => {
      told = () => {
        told = null;
        call();
      };
    },
    stop: () => {
      told = null;
      for (const wait of waiting.values()) wait.end();
      model.off?.("msg:custom", receive);
    },
  };
}

function file({ content, type }) {
  return new Blob([content], { type });
}

/** What came with a message, which may be a view of more than itself. */
function buffer(content) {
  return ArrayBuffer.isView(content) ? content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength) : content;
}

function save(path, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = path.replace(/^.*download/, "records").replace(/\?.*/, "");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// ---- keys

/** Keep the focus inside while a person works here, also when the element that had it is drawn no more. */
function keepFocus(host, shadow, root) {
  let here = false;
  const look = (event) => {
    here = event.composedPath().includes(host);
    if (here && event.type === "pointerdown") setTimeout(keep);
  };
  const keep = () => {
    const at = shadow.activeElement;
    if (here && (!at || at.matches(":disabled"))) root.focus({ preventScroll: true });
  };
  const watch = new MutationObserver(keep);
  watch.observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
  document.addEventListener("focusin", look, true);
  document.addEventListener("pointerdown", look, true);
  return {
    here: () => here,
    stop: () => {
      watch.disconnect();
      document.removeEventListener("focusin", look, true);
      document.removeEventListener("pointerdown", look, true);
    },
  };
}

// ---- looks

/** Dress the shadow tree, which the styles of the notebook do not reach; follow its theme and the width of the cell. */
function styled(host, shadow, css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css.replace(/([\d.]+)rem\b/g, (_, n) => `${16 * n}px`)); // a rem is what the notebook says
  shadow.adoptedStyleSheets = [sheet];
  const rules = [...sheet.cssRules].filter((rule) => rule.media).map((rule) => [rule, rule.media.mediaText]);
  const adjust = () => {
    const dark = isDark(host);
    host.style.colorScheme = dark ? "dark" : "light";
    for (const [rule, asked] of rules) {
      const narrow = asked.match(/max-width:\s*(\d+)px/);
      const fits = asked.includes("prefers-color-scheme: dark") ? dark : narrow ? host.clientWidth <= narrow[1] : null;
      const now = fits === null ? asked : fits ? asked.match(/^\w+(?= and )/)?.[0] || "all" : "not all";
      if (rule.media.mediaText !== now) rule.media.mediaText = now;
    }
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const size = new ResizeObserver(adjust);
  const theme = new MutationObserver(adjust);
  size.observe(host);
  for (const one of [document.documentElement, document.body]) theme.observe(one, { attributes: true });
  system.addEventListener("change", adjust);
  adjust();
  return {
    stop: () => {
      size.disconnect();
      theme.disconnect();
      system.removeEventListener("change", adjust);
    },
  };
}

/** Whether the notebook is dark: as it says, else by what is behind the cell, else as the system is set. */
function isDark(host) {
  const said = { ...document.documentElement.dataset, ...document.body.dataset };
  if (said.jpThemeLight) return said.jpThemeLight === "false";
  if (said.vscodeThemeKind) return !said.vscodeThemeKind.includes("light");
  for (let one = host.parentElement ?? host.getRootNode().host; one; one = one.parentElement ?? one.getRootNode().host) {
    const [red, green, blue, opaque = 1] = getComputedStyle(one).backgroundColor.match(/^rgba?\((.*)\)/)?.[1].split(/[ ,/]+/).map(Number) ?? [0, 0, 0, 0];
    if (opaque > 0.5) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

export default { render };
