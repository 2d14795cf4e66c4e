// The labeling view: a record, its labels, and one key for each answer.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { FindDialog, KeysDialog } from "./dialogs.js";
import { actionKeys, checkedSettings, keyName, keyOf, labelKeys, mostProbable } from "./keys.js";
import { Progress } from "./progress.js";
import { Opinion, Record } from "./record.js";
import { areLong, breakable, percent, plain } from "./text.js";

const MOST_BUTTONS = 12;
const MOST_LARGE = 6;
const SWIPE = 90;

export function LabelView({ work, project, transport, color, open }) {
  const [settings, setSettings] = useState(() => checkedSettings(transport.browser.get("keys")));
  const [dialog, setDialog] = useState(null);
  const [noting, setNoting] = useState(null); // the record that a note is written about
  const [lit, setLit] = useState(null);
  const [said, setSaid] = useState("");
  const record = work.current;
  const { byAction, byKey } = actionKeys(settings);
  const probabilities = record?.probabilities || {};
  const keysOfLabels = labelKeys(project.labels, probabilities, byAction);
  const labelOfKey = new Map([...keysOfLabels].flatMap(([label, keys]) => keys.map((key) => [key, label])));
  const change = (found) => {
    setSettings(checkedSettings(found));
    transport.browser.put("keys", found);
  };
  const tell = (text) => {
    setSaid("");
    if (text) setTimeout(() => setSaid(text));
  };

  const actions = {
    accept: () => record?.suggestion ? work.answer(record.suggestion) : record && tell("no suggestion to accept; choose a label"),
    skip: () => work.skip(),
    requeue: () => work.requeue(),
    undo: () => work.undo() || tell("nothing to undo"),
    redo: () => work.redo() || tell("nothing to redo"),
    note: () => record && setNoting(record.id),
    flag: () => work.flag(),
    find: () => record && setDialog("find"),
    help: () => setDialog("keys"),
    rule: () => {
      const label = record?.blind ? "" : (record?.suggestion ?? "");
      if (picked) open("rules", { word: picked.word });
      else if (record) open("rules", { ids: [record.id], label });
    },
  };

  // the listener is set once and always calls what belongs to the record that is painted now
  const press = useRef();
  press.current = (event) => {
    if (dialog || event.defaultPrevented) return;
    const target = event.target;
    if (target.closest?.("input, textarea, select, [contenteditable]")) return;
    const key = keyOf(event);
    if (key === null || event.repeat) return;
    const single = key.length === 1 || key === "Enter";
    if (settings.off && single) return;
    if (key === "Enter" && target.closest?.("button, a, summary")) return;
    const action = key === "undo" || key === "redo" ? key : key === "Backspace" ? "undo" : byKey.get(key);
    if (action) actions[action]();
    else if (labelOfKey.has(key)) work.answer(labelOfKey.get(key));
    else return;
    event.preventDefault();
    event.stopPropagation();
    painted(event.timeStamp);
  };
  useEffect(() => {
    work.visible = true;
    return () => {
      work.visible = false;
    };
  }, []);
  useEffect(() => {
    const listen = (event) => press.current(event);
    transport.keys.addEventListener("keydown", listen);
    return () => transport.keys.removeEventListener("keydown", listen);
  }, []);

  // words that are selected in the record, by mouse, touch, keyboard or a double click
  const card = useRef();
  const [picked, setPicked] = useState(null);
  useEffect(() => {
    const look = () => setPicked(selected(card.current));
    document.addEventListener("selectionchange", look);
    return () => document.removeEventListener("selectionchange", look);
  }, []);

  const heading = useRef();
  useLayoutEffect(() => {
    tell("");
    if (card.current?.scrollHeight > card.current?.clientHeight) card.current.tabIndex = 0; // it scrolls by keyboard, too
    if (!dialog && (transport.focused?.() ?? true)) {
      heading.current?.focus({ preventScroll: true });
      heading.current?.parentElement.scrollIntoView({ block: "nearest" }); // the record before may have been long
    }
  }, [record?.id]);

  return html`<main class="labeling">
    <div class="stage">
      ${record
        ? html`<article class="card" ref=${card} key=${record.id} ...${swipe(actions)} aria-label="Record">
            <header><h1 ref=${heading} tabindex="-1"><span class="hidden">Record </span>${plain(record.id)}</h1>
              ${work.flagged.has(record.id) && html`<span class="tag">flagged</span>`}
              ${record.synthetic && html`<span class="tag">made up</span>`}
              ${record.blind && html`<span class="tag">blind</span>`}</header>
            <${Record} record=${record} transport=${transport} lit=${lit} color=${(name) => color(record.votes.find((vote) => vote.heuristic === name)?.label)} />
            ${picked && html`<button class="of-word" style=${{ left: `${picked.left}px`, top: `${picked.top}px` }} onMouseDown=${(event) => event.preventDefault()} onClick=${actions.rule}>
              <span>Make a rule of “${plain(picked.word)}”</span>${!settings.off && html`<kbd>${keyName(byAction.rule)}</kbd>`}</button>`}
          </article>`
        : html`<${Nothing} work=${work} />`}
      <div class="answers">
        ${record && noting === record.id && html`<${NoteField} work=${work} close=${() => { setNoting(null); heading.current?.focus(); }} />`}
        ${record && html`<${Choices} labels=${project.labels} record=${record} keysOfLabels=${keysOfLabels} color=${color} choose=${(label) => work.answer(label)} find=${() => setDialog("find")} findKey=${byAction.find} acceptKey=${byAction.accept} off=${settings.off} />`}
        <div class="tools" role="toolbar" aria-label="Other answers">
          ${[["skip", "Skip", !record], ["requeue", "Put back", !record], ["undo", "Undo", !work.history.length && !work.state?.undo], ["note", "Note", !record], ["flag", "Flag", !record], ["help", "Keys", false]].map(
            ([action, name, disabled]) => html`<button key=${action} class="tool" disabled=${disabled} onClick=${actions[action]}
              aria-keyshortcuts=${settings.off ? undefined : byAction[action]}>${name}${!settings.off && html`<kbd>${keyName(byAction[action])}</kbd>`}</button>`,
          )}
        </div>
        <p class="said" role="status">${said}</p>
      </div>
    </div>
    <aside>
      ${record && html`<${Opinion} record=${record} labels=${project.labels} color=${color} setLit=${setLit} />`}
      <${Progress} work=${work} labels=${project.labels} color=${color} />
    </aside>
    ${dialog === "keys" && html`<${KeysDialog} settings=${settings} change=${change} close=${() => setDialog(null)} labels=${project.labels} keysOfLabels=${keysOfLabels} />`}
    ${dialog === "find" && html`<${FindDialog} labels=${project.labels} probabilities=${probabilities} color=${color} close=${() => setDialog(null)}
      choose=${(label) => { setDialog(null); work.answer(label); }} />`}
  </main>`;
}

const MOST_WORD = 100;

/** The words that are selected in the texts of a card, and where a button about them stands; null for none. */
function selected(card) {
  const root = card?.getRootNode();
  const found = root && (root.getSelection?.() ?? getSelection());
  if (!found || found.isCollapsed || !found.rangeCount) return null;
  const range = found.getRangeAt(0);
  const inside = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest(".prose, .fields dd");
  if (!card.contains(range.commonAncestorContainer) || !inside(range.startContainer)) return null;
  const word = found.toString().trim().replace(/\s+/g, " ");
  if (!word || word.length > MOST_WORD || !/[\p{L}\p{N}]/u.test(word)) return null;
  const [at, frame] = [range.getBoundingClientRect(), card.getBoundingClientRect()];
  const above = at.top - frame.top - 42; // not on a touch screen, whose own menu stands there
  return { word, left: Math.max(8, Math.min(at.left - frame.left, frame.width - 250)), top: card.scrollTop + (above > 8 && !matchMedia("(pointer: coarse)").matches ? above : at.bottom - frame.top + 8) };
}

function Choices({ labels, record, keysOfLabels, color, choose, find, findKey, acceptKey, off }) {
  const many = labels.length > MOST_BUTTONS;
  const shown = many ? mostProbable(labels, record.probabilities, 5) : labels;
  return html`<div class=${`choices ${areLong(shown) ? "wide" : ""} ${shown.length > MOST_LARGE ? "many" : ""}`} role="group" aria-label="Labels">
    ${shown.map((label) => {
      const keys = keysOfLabels.get(label) || [];
      const suggested = label === record.suggestion;
      const shortcuts = [...(suggested ? [acceptKey] : []), ...keys];
      return html`<button key=${label} class=${`choice c${color(label)} ${suggested ? "suggested" : ""}`} onClick=${() => choose(label)}
          aria-keyshortcuts=${off || !shortcuts.length ? undefined : shortcuts.join(" ")}>
        <i class="dot"></i><span class="name">${breakable(label)}</span>
        ${suggested && html`<span class="sure"><span class="hidden">suggested, probability </span>${percent(record.probabilities[label])}</span>`}
        ${!off && html`<span class="hints">${suggested && html`<kbd>${keyName(acceptKey)}</kbd>`}${keys.map((key) => html`<kbd key=${key}>${key}</kbd>`)}</span>`}
      </button>`;
    })}
    ${many && html`<button class="choice more" onClick=${find}><span class="name">All ${labels.length} labels</span>${!off && html`<span class="hints"><kbd>${findKey}</kbd></span>`}</button>`}
  </div>`;
}

function NoteField({ work, close }) {
  const field = useRef();
  useLayoutEffect(() => field.current.focus(), []);
  const keep = () => {
    work.note(field.current.value);
    close();
  };
  return html`<form class="noting" onSubmit=${(event) => { event.preventDefault(); keep(); }}>
    <label for="note">Note about this record</label>
    <textarea id="note" ref=${field} rows="2" maxlength="10000" onKeyDown=${(event) => {
      if (event.key === "Escape") close();
      else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) keep();
      else return;
      event.preventDefault();
    }}></textarea>
    <button class="plain">Keep <kbd>Enter</kbd></button>
  </form>`;
}

function Nothing({ work }) {
  const busy = !work.state || work.waiting || work.state.training.running || work.outbox.length > 0 || !work.connected;
  if (!work.connected) return html`<div class="card empty"><p>The server does not answer.</p></div>`;
  if (work.waiting) return html`<div class="card empty"><p>Taking back …</p></div>`;
  if (busy && work.project && !work.project.ready) return html`<div class="card empty"><p>The project is being opened …</p>
    <p class="quiet">${work.project.records ? `${work.project.records.toLocaleString("en")} records are read` : "The records are read"}, and the committee votes and learns. That is done once after each start; the first record comes by itself.</p></div>`;
  if (busy) return html`<div class="card empty"><p>The next records are being picked …</p></div>`;
  return html`<div class="card empty"><h1>No record is left to ask about</h1>
    <p class="quiet">Every record has a label, was skipped, or is held ready for another tab. Undo still works; <code>weaklab serve --again</code> shows labeled records, too.</p></div>`;
}

let start = null; // of the swipe that is going on; it outlives a redraw

/** Handlers for a swipe over a card: to the right accepts, to the left skips. */
function swipe(actions) {
  const move = (card, by) => {
    card.style.transform = by ? `translateX(${by}px)` : "";
  };
  return {
    onPointerDown: (event) => {
      if (event.pointerType === "touch") start = { x: event.clientX, y: event.clientY };
    },
    onPointerMove: (event) => {
      if (!start) return;
      const by = event.clientX - start.x;
      if (Math.abs(by) > Math.abs(event.clientY - start.y) && Math.abs(by) > 12) move(event.currentTarget, by);
    },
    onPointerUp: (event) => {
      if (!start) return;
      const by = event.clientX - start.x;
      const steep = Math.abs(event.clientY - start.y) > Math.abs(by);
      start = null;
      move(event.currentTarget, 0);
      if (steep || Math.abs(by) < SWIPE) return;
      (by > 0 ? actions.accept : actions.skip)();
    },
    onPointerCancel: (event) => {
      start = null;
      move(event.currentTarget, 0);
    },
  };
}

/** Note how long it took from a key to the painted record, for whoever measures it. */
function painted(since) {
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      performance.clearMeasures("weaklab painted");
      performance.measure("weaklab painted", { start: since, end: performance.now() });
    };
    channel.port2.postMessage(null);
  });
}
