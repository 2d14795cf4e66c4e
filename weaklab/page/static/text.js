// Text of records as it is safe and pleasant to read.

import { html } from "./vendor/preact.js";

const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udc7f]/g;

/** What stands for a character that a browser obeys or does not show. */
function sign(found) {
  const code = found.codePointAt(0);
  return code < 32 ? String.fromCharCode(0x2400 + code) : `⟨${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
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

export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

export function counted(n, word) {
  return `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
}
