// Dialogs: the keys and how to change them, and finding a label by typing.

import { html, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { ACTIONS, actionKeys, keyName, mostProbable } from "./keys.js";
import { plain } from "./text.js";

function Dialog({ title, close, children, wide }) {
  const dialog = useRef();
  useLayoutEffect(() => {
    dialog.current.showModal();
  }, []);
  return html`<dialog ref=${dialog} class=${wide ? "wide" : ""} aria-label=${title} onCancel=${close} onClose=${close}
      onClick=${(event) => event.target === dialog.current && close()}>
    <div class="inner"><header><h2>${title}</h2><button class="plain" onClick=${close} aria-label="Close">Esc</button></header>${children}</div>
  </dialog>`;
}

export function KeysDialog({ settings, change, close, labels, keysOfLabels }) {
  const [waiting, setWaiting] = useState(null);
  const { byAction } = actionKeys(settings);
  const press = (event) => {
    if (!waiting || event.key === "Tab" || event.key === "Escape" || event.key === "Shift") return;
    event.preventDefault();
    event.stopPropagation();
    const other = ACTIONS.find(([action]) => action !== waiting && byAction[action] === event.key);
    const keys = { ...settings.keys, [waiting]: event.key };
    if (other) keys[other[0]] = byAction[waiting]; // they change places, so that none is without a key
    change({ ...settings, keys });
    setWaiting(null);
  };
  return html`<${Dialog} title="Keys" close=${close} wide>
    <div class="keys" onKeyDown=${press}>
      <table><tbody>${ACTIONS.map(([action, , said]) => html`<tr key=${action}>
        <td>${said}</td>
        <td><button class="key" aria-label=${`${said}: ${byAction[action]}; press to change`} onClick=${() => setWaiting(action)}>
          ${waiting === action ? "press a key" : keyName(byAction[action])}</button></td></tr>`)}</tbody></table>
      <table><tbody>${labels.slice(0, 10).map((label) => html`<tr key=${label}>
        <td>${plain(label)}</td><td>${(keysOfLabels.get(label) || []).map((key) => html`<kbd key=${key}>${key}</kbd>`)}</td></tr>`)}</tbody></table>
    </div>
    <p><label class="switch"><input type="checkbox" checked=${!settings.off} onChange=${(event) => change({ ...settings, off: !event.target.checked })} /> Single keys are on</label>
      <button class="plain" onClick=${() => change({ off: false, keys: {} })}>Keys as they were</button></p>
    <p class="quiet">Ctrl+Z and Ctrl+Shift+Z undo and redo as well. On a touch screen, a swipe to the right accepts and one to the left skips.</p>
  </${Dialog}>`;
}

const MOST_FOUND = 100;
/** Words are told apart by spaces, whatever the names of labels have in their place: "card arr" finds card_arrival. */
const words = (text) => text.toLowerCase().replace(/[\s_./:-]+/g, " ").trim();

/** The labels that hold what was typed, those that begin with it first, then those that hold each of its words. */
function fitting(labels, typed) {
  const wanted = words(typed);
  const parts = wanted.split(" ");
  const rank = (label) => {
    const name = words(label);
    if (label.toLowerCase().startsWith(typed.trim().toLowerCase()) || name.startsWith(wanted)) return 0;
    if (label.toLowerCase().includes(typed.trim().toLowerCase()) || name.includes(wanted)) return 1;
    return parts.every((part) => name.includes(part)) ? 2 : 3;
  };
  return [0, 1, 2].flatMap((wantedRank) => labels.filter((label) => rank(label) === wantedRank));
}

export function FindDialog({ labels, probabilities, color, choose, close }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef();
  const order = mostProbable(labels, probabilities, labels.length);
  const found = fitting(order, typed).slice(0, MOST_FOUND);
  const place = Math.min(at, found.length - 1);
  useLayoutEffect(() => list.current.children[place]?.scrollIntoView({ block: "nearest" }), [place, typed]);
  const press = (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") setAt(Math.min(place + 1, found.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(place - 1, 0));
    else if (event.key === "Enter" && found[place] !== undefined) choose(found[place]);
    else return;
    event.preventDefault();
  };
  return html`<${Dialog} title="Find a label" close=${close}>
    <input class="find" type="text" autofocus role="combobox" aria-expanded="true" aria-controls="found" aria-label="Label"
      aria-activedescendant=${found.length ? `found-${place}` : undefined} value=${typed} onKeyDown=${press}
      onInput=${(event) => { setTyped(event.target.value); setAt(0); }} autocomplete="off" spellcheck=${false} />
    <ul id="found" ref=${list} role="listbox" aria-label="Labels">${found.map((label, i) => html`<li key=${label} id=${`found-${i}`} role="option"
      aria-selected=${i === place} onClick=${() => choose(label)}><i class=${`dot c${color(label)}`}></i>${plain(label)}
      ${probabilities[label] !== undefined && html`<span class="number">${(100 * probabilities[label]).toFixed(0)} %</span>`}</li>`)}</ul>
    ${!found.length && html`<p class="quiet">No label has this in its name.</p>`}
  </${Dialog}>`;
}
