// Text of records as it is safe and pleasant to read.

import { html } from "./vendor/preact.js";

// Characters that a browser obeys, or that nobody sees: controls, changes of direction, halves of pairs, and all that
// Unicode calls ignorable, such as spaces of no width. They stay where writing needs them: joiners within scripts that
// have them and within emoji, and selectors behind what they select.
const JOINING = String.raw`\p{scx=Arab}\p{scx=Syrc}\p{scx=Nkoo}\p{scx=Mong}\p{scx=Deva}\p{scx=Beng}\p{scx=Guru}\p{scx=Gujr}\p{scx=Orya}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}\p{scx=Mlym}\p{scx=Sinh}\p{scx=Khmr}\p{scx=Mymr}\p{scx=Tibt}`;
const NEEDED = [
  String.raw`(?<=[${JOINING}])[\u200c\u200d]`,
  String.raw`(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})`,
  String.raw`(?<=\p{Extended_Pictographic})[\ufe0e\ufe0f]`,
  String.raw`(?<=[0-9#*])\ufe0f(?=\u20e3)`,
  String.raw`(?<=\u{1f3f4}[\u{e0020}-\u{e007e}]*)[\u{e0020}-\u{e007f}]`,
  String.raw`(?<=\p{scx=Mong})[\u180b-\u180f]`,
  String.raw`(?<=\p{scx=Hani})[\ufe00-\ufe02\u{e0100}-\u{e01ef}]`,
];
const UNSAFE = new RegExp(String.raw`(?=[\p{Cc}\p{Cs}\p{DI}\u2028\u2029\ufff9-\ufffb])(?![\t\n]|${NEEDED.join("|")})[^]`, "gu");

/** What stands for a character that a browser obeys or does not show. */
function sign(found) {
  const code = found.codePointAt(0);
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : `⟨${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** A text with control and direction characters made visible, as one string. */
export function plain(text) {
  return String(text ?? "").replace(UNSAFE, sign);
}

/** The same as nodes, in which those signs can be told from the text. */
export function visible(text) {
  const found = [];
  let at = 0;
  for (const match of text.matchAll(UNSAFE)) {
    if (match.index > at) found.push(text.slice(at, match.index));
    const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    found.push(html`<span class="sign" title=${`character U+${code}`}>${sign(match[0])}</span>`);
    at = match.index + match[0].length;
  }
  if (at < text.length) found.push(text.slice(at));
  return found;
}

/** The name of a label, as nodes, which may be broken after an underscore. */
export function breakable(name) {
  return plain(name).split(/(?<=_)/).flatMap((part, i) => (i ? [html`<wbr />`, part] : [part]));
}

/** Whether some of the labels have long names. */
export const areLong = (labels) => labels.some((label) => label.length > 14);

/** Whether a text looks like code: several lines, many of them indented or ended as code is. */
export function isCode(text) {
  const lines = text.slice(0, 4000).split("\n").filter((line) => line.trim());
  if (lines.length < 2) return false;
  const like = lines.filter((line) => /^(\t| {2,})\S|[{};]\s*$|^\s*(def|class|import|function|const|#include|return)\b.*[:;({]/.test(line));
  return like.length / lines.length > 0.4;
}

const SHAPES = 5;

/** The number of the shape that stands for the n-th label, or kind of points: with it, colours may come again. */
export const shapeOf = (n) => Math.floor(n / 4) % SHAPES;

export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

export function counted(n, word) {
  return `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
}
