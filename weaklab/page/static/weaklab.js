// The module that the page and the notebook widget share: mount(root, transport) shows a project in an element.
//
// A transport says how to reach Python and what the browser keeps:
//   ask(path, body)  -> a promise of JSON; without a body it only reads
//   bytes(path)      -> a promise of an ArrayBuffer
//   tab, browser     -> get(name), put(name, value): kept as long as the tab, and for good
//   keys             -> the element whose keys are listened to
//   leave(session)   -> says that the tab is closed
// and, where they are wanted:
//   name, view       -> who labels, and the view to begin with
//   opened(project)  -> is told the facts about the project when they are there
//   focused()        -> whether the keys of a person come here; without it they do
//   silence          -> what to say while Python does not answer
//   reach()          -> a promise that Python can be reached, where modules come from it
//   image(field)     -> a promise of the address of an image
//   save(path)       -> saves a file; without it a link does

import { html, render, useEffect, useRef, useState } from "./vendor/preact.js";
import { Labeling } from "./labeling.js";
import { LabelView } from "./label.js";
import { counted, plain, shapeOf } from "./text.js";

const COLORS = 8;
const LATE_SECONDS = 6;
const AGAIN_MS = 1500;

/** The views of a project: name, title, the promise of its component, and whether somebody who may only look has it. */
export const VIEWS = [
  ["label", "Label", () => LabelView, false],
  ["table", "Table", () => import("./table.js").then((found) => found.TableView), true],
  ["map", "Map", () => import("./map.js").then((found) => found.MapView), true],
  ["committee", "Committee", () => import("./committee.js").then((found) => found.CommitteeView), true],
  ["rules", "Rules", () => import("./rules.js").then((found) => found.RulesView), false],
  ["people", "People", () => import("./people.js").then((found) => found.PeopleView), true],
];
const OVERVIEW = ["overview", "Progress", () => import("./overview.js").then((found) => found.Overview), true];

const components = new Map([["label", LabelView]]); // those whose modules are there

/** Load the module of a view, unless it is there. Browsers do not ask again for a module that they did not get. */
async function load([id, , made], transport) {
  if (components.has(id)) return;
  await transport.reach?.();
  components.set(id, await made());
}

export function mount(root, transport) {
  root.classList.add("weaklab");
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take keys for its own
  render(html`<${App} transport=${transport} />`, root);
  return () => render(null, root);
}

function App({ transport }) {
  const [project, setProject] = useState(null);
  const [failed, setFailed] = useState(null);
  const [name, setName] = useState(() => transport.name || transport.browser.get("name") || null);
  useEffect(() => {
    const opened = (found) => {
      transport.opened?.(found);
      setProject(found);
    };
    transport.ask("project").then(opened, setFailed);
  }, []);
  if (failed) return html`<main class="door"><h1>weaklab</h1><p>${plain(failed.message)}</p></main>`;
  if (!project) return html`<main class="door" aria-busy="true"><p class="brand">weaklab</p></main>`;
  if (project.role === "read") return html`<${Looker} project=${project} transport=${transport} />`;
  if (!name) {
    const begin = (given) => {
      transport.browser.put("name", given);
      setName(given);
    };
    return html`<${Door} project=${project} begin=${begin} />`;
  }
  const leave = () => {
    transport.browser.put("name", null);
    setName(null);
  };
  return html`<${Desk} key=${name} name=${name} project=${project} transport=${transport} leave=${leave} />`;
}

function Door({ project, begin }) {
  const field = useRef();
  return html`<main class="door">
    <p class="brand">weaklab</p>
    <h1>${plain(project.name)}</h1>
    <form onSubmit=${(event) => { event.preventDefault(); if (field.current.value.trim()) begin(field.current.value.trim()); }}>
      <label for="name">Who labels?</label>
      <input id="name" ref=${field} type="text" maxlength="60" required autofocus autocomplete="name" defaultValue=${project.annotator} />
      <button class="primary">Begin <kbd>Enter</kbd></button>
      <p class="quiet">Your answers are stored under this name.</p>
    </form>
  </main>`;
}

/** For somebody who may only look. */
function Looker({ project, transport }) {
  const [view, setView] = useState(VIEWS.some(([id, , , open]) => open && id === transport.view) ? transport.view : "overview");
  const [start, setStart] = useState(null);
  const open = (id, filters = null) => {
    setStart(filters);
    setView(id);
  };
  const views = [OVERVIEW, ...VIEWS.filter(([, , , open]) => open)];
  return html`
    <header class="top"><p class="brand">weaklab</p><p class="where">${plain(project.name)}</p><${Views} views=${views} view=${view} setView=${open} transport=${transport} /></header>
    <${View} view=${views.find(([id]) => id === view)} project=${project} transport=${transport} color=${colors(project.labels)} work=${null} open=${open} start=${start} />`;
}

function Views({ views, view, setView, transport }) {
  const soon = (one) => load(one, transport).catch(() => {}); // who points at a button is about to press it
  return html`<nav aria-label="Views">${views.map((one) => html`<button key=${one[0]} class="plain" aria-current=${one[0] === view ? "page" : undefined}
    onPointerEnter=${() => soon(one)} onFocus=${() => soon(one)} onClick=${() => setView(one[0])}>${one[1]}</button>`)}</nav>`;
}

/** A view, once its module is there; it is asked for again as long as nobody answers. */
function View({ view, ...given }) {
  const [{ failed }, setState] = useState({});
  const [id] = view;
  useEffect(() => {
    let timer;
    let left = false;
    const look = async () => {
      const there = await load(view, given.transport).then(() => true, () => false);
      if (left) return;
      setState({ failed: !there }); // draws the view that is there
      if (!there) timer = setTimeout(look, AGAIN_MS);
    };
    if (!components.has(id)) look();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [id]);
  const Component = components.get(id);
  if (Component) return html`<${Component} ...${given} />`;
  return html`<main class="door" aria-busy="true">${failed && html`<p role="status">This view is not loaded yet: the server does not answer.</p>`}</main>`;
}

/** Label -> the number of its colour and the class of its shape, such as "0 s2": with shapes, colours may come again. */
function colors(labels) {
  return (label) => {
    const place = labels.indexOf(label);
    return place < 0 ? "none" : `${place % COLORS} s${shapeOf(place)}`;
  };
}

function Desk({ name, project: opened, transport, leave }) {
  const [, redraw] = useState(0);
  const [failed, setFailed] = useState("");
  const [view, setView] = useState(transport.view || "label");
  const [start, setStart] = useState(null); // filters with which the table begins
  const open = (id, filters = null) => {
    setStart(filters);
    setView(id);
  };
  const desk = useRef();
  desk.current ??= new Labeling(transport, () => redraw((n) => n + 1));
  const work = desk.current;
  useEffect(() => {
    let again;
    const begin = () =>
      work.start(name).then(
        () => setFailed(""),
        (error) => {
          setFailed(error.message);
          if (![400, 401, 403].includes(error.status)) again = setTimeout(begin, 1500);
        },
      );
    begin();
    const away = (event) => {
      if (work.outbox.length) event.preventDefault();
    };
    const gone = () => {
      if (!work.outbox.length) transport.leave?.(work.session);
    };
    addEventListener("beforeunload", away);
    addEventListener("pagehide", gone);
    return () => {
      clearTimeout(again);
      removeEventListener("beforeunload", away);
      removeEventListener("pagehide", gone);
      work.stop();
    };
  }, []);
  const news = work.project; // labels and files may have been changed since the page was opened
  const project = news ? { ...opened, labels: news.label_names, load_errors: news.load_errors } : opened;
  const color = colors(project.labels);
  return html`
    <header class="top">
      <p class="brand">weaklab</p>
      <p class="where">${plain(project.name)}</p>
      <${Views} views=${VIEWS} view=${view} setView=${open} transport=${transport} />
      <span class="space"></span>
      <${Saved} work=${work} />
      <button class="plain person" onClick=${leave} title="Label under another name">${plain(name)}</button>
    </header>
    ${failed && html`<p class="banner" role="alert">${plain(failed)}</p>`}
    ${work.lockedOut && html`<p class="banner" role="alert">This browser is no longer let in. Open the link that the server prints; ${work.outbox.length} answers wait here.</p>`}
    ${!work.connected && transport.silence && html`<p class="banner" role="alert">${transport.silence}</p>`}
    ${work.connected && held(work)}
    ${work.problem && !work.lockedOut && html`<p class="banner" role="alert">${plain(work.problem)}</p>`}
    ${project.load_errors.map((error) => html`<p class="banner" key=${error}>${plain(error)}</p>`)}
    <${View} view=${VIEWS.find(([id]) => id === view)} work=${work} project=${project} transport=${transport} color=${color} open=${open} start=${start} />
    <div class="notices" role="log" aria-live="polite">${work.notices.map((one, i) => html`<p key=${i}>${plain(one.text)}</p>`)}</div>`;
}

/** Why answers are not stored while the server is there: it says so, or it does not reply. */
function held(work) { // no component: Preact moves what is around one that begins to draw nothing
  const n = work.outbox.length;
  const kept = n ? `${counted(n, "answer")} ${n === 1 ? "waits" : "wait"} here; the page sends ${n === 1 ? "it" : "them"} again by itself.` : "";
  if (work.blocked) return html`<p class="banner" role="alert">${plain(work.blocked)}. ${kept}</p>`;
  if (work.late < LATE_SECONDS * (n ? 1 : 4)) return null;
  return html`<p class="banner" role="status">No reply yet: another program may be writing to the project, or the machine is busy. ${kept}</p>`;
}

function Saved({ work }) {
  const n = work.outbox.length;
  const off = !work.connected || work.blocked;
  const text = !work.connected && work.session
    ? `no connection; ${n} to send`
    : work.blocked ? `waiting; ${n} to store` : n > 3 || (n && work.late) ? `storing ${n}` : "all stored";
  return html`<span class=${`saved ${off ? "off" : ""}`} role="status"><i class="dot"></i>${text}</span>`;
}
