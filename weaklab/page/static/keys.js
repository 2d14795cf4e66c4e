// Which key does what: the table, the keys of labels, and what a person has changed.

import { plain } from "./text.js";

export const ACTIONS = [
  ["accept", "Enter", "accept the suggestion"],
  ["skip", "s", "skip: not asked again"],
  ["requeue", "b", "put back: comes again after the others"],
  ["undo", "u", "undo, any number of times"],
  ["redo", "U", "redo"],
  ["note", "n", "write a note"],
  ["flag", "f", "flag for others"],
  ["find", "/", "find a label by typing"],
  ["rule", "r", "make a rule of the selected words, or of this record"],
  ["help", "?", "show the keys"],
];

const NAMED = { " ": "Space", Enter: "Enter", Backspace: "⌫", ArrowLeft: "←", ArrowRight: "→" };
const ALLOWED = /^([!-~¡-\uffff]|Enter|Backspace|Space|Arrow(Left|Right|Up|Down))$/;
const MOST_WITH_DIGITS = 10;
const OTHERS = "jklgx"; // kept free for tables and maps

export const keyName = (key) => NAMED[key] || key;

/** The settings of a person, whatever was stored: anything that is no key is left out, and keys with two meanings. */
export function checkedSettings(stored) {
  const found = { off: stored?.off === true, keys: {} };
  for (const [action] of ACTIONS) {
    const key = stored?.keys?.[action];
    if (typeof key === "string" && ALLOWED.test(key) && plain(key) === key) found.keys[action] = key;
  }
  const given = Object.values(actionKeys(found).byAction);
  return new Set(given).size === given.length ? found : { ...found, keys: {} };
}

/** Action -> key and key -> action. */
export function actionKeys(settings) {
  const byAction = Object.fromEntries(ACTIONS.map(([action, key]) => [action, settings.keys[action] || key]));
  return { byAction, byKey: new Map(Object.entries(byAction).map(([action, key]) => [key, action])) };
}

/** The keys of labels: digits, and letters that are free; label -> keys. With many labels only the probable ones. */
export function labelKeys(labels, probabilities, byAction) {
  const found = new Map();
  if (labels.length > MOST_WITH_DIGITS) {
    mostProbable(labels, probabilities, 5).forEach((label, i) => found.set(label, [String(i + 1)]));
    return found;
  }
  const numbers = labels.every((label) => /^-?\d+(\.\d+)?$/.test(label));
  // the keys of actions stay free where somebody has changed them: an old habit must not choose a label
  const used = new Set([...ACTIONS.map(([, key]) => key), ...Object.values(byAction), ...OTHERS]);
  labels.forEach((label, i) => {
    const digit = numbers ? (/^\d$/.test(label) ? label : null) : String((i + 1) % 10);
    const keys = digit && !used.has(digit) ? [digit] : [];
    const letter = [...label.toLowerCase()].find((sign) => /[a-z]/.test(sign) && !used.has(sign));
    if (letter && !numbers) {
      used.add(letter);
      keys.push(letter);
    }
    found.set(label, keys);
  });
  return found;
}

/** The n most probable labels; the first ones of the list where that is hidden. */
export function mostProbable(labels, probabilities, n) {
  return [...labels].sort((a, b) => (probabilities[b] || 0) - (probabilities[a] || 0)).slice(0, n);
}

/** The key of an event as the table has it, or null where it belongs to somebody else. */
export function keyOf(event) {
  if (event.isComposing) return null;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "z") return event.shiftKey ? "redo" : "undo";
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  return event.key;
}
