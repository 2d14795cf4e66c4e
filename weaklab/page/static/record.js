// One record as a person reads it: its texts large, its other fields in a list, and what the committee says.

import { html, useEffect, useState } from "./vendor/preact.js";
import { areLong, breakable, counted, isCode, percent, plain, visible } from "./text.js";

export function Record({ record, transport, lit, color }) {
  const texts = record.fields.filter((field) => field.kind === "text");
  const main = texts.length ? texts.filter((field) => field.parts || field === texts[0] || field.text.length > 80) : [];
  const images = record.fields.filter((field) => field.kind === "image");
  const empty = record.fields.filter((field) => field.kind === "nothing");
  const others = record.fields.filter((field) => ![main, images, empty].some((list) => list.includes(field)));
  return html`<div class="record">
    ${images.map((field) => html`<${Picture} key=${field.name} field=${field} transport=${transport} />`)}
    ${main.map((field) => html`<${LongText} key=${field.name} field=${field} named=${main.length > 1} transport=${transport} lit=${lit} color=${color} />`)}
    ${others.length + empty.length > 0 && html`<dl class="fields">
      ${others.map((field) => html`<div key=${field.name}><dt>${plain(field.name)}</dt><dd><${Value} field=${field} transport=${transport} /></dd></div>`)}
      ${empty.length > 0 && html`<div key=${-1}><dt>empty</dt><dd>${empty.map((field) => plain(field.name)).join(", ")}</dd></div>`}
    </dl>`}
  </div>`;
}

function Picture({ field, transport }) {
  const [failed, setFailed] = useState(false);
  const [source, setSource] = useState(transport.image ? undefined : field.url);
  useEffect(() => {
    transport.image?.(field).then(setSource, () => setFailed(true));
  }, []);
  if (failed) return html`<p class="quiet">${plain(field.name)}: no image could be shown</p>`;
  return html`<figure><img src=${source} alt=${plain(field.name)} onError=${() => setFailed(true)} /></figure>`;
}

/** What is left of a value, once somebody has asked for it, and how to ask. */
function useRest(field, transport) {
  const [rest, setRest] = useState(null);
  const open = () => transport.ask(field.rest.replace("api/", "")).then((found) => setRest(found.text), () => {});
  return [rest, open];
}

function LongText({ field, named, transport, lit, color }) {
  const [rest, open] = useRest(field, transport);
  const text = rest ?? field.text;
  const size = text.length < 160 ? "large" : text.length < 900 ? "medium" : "small";
  const shape = `prose ${isCode(text) ? "code" : size}`;
  const more = field.rest && rest === null;
  return html`<section>
    ${named && html`<h3 class="over">${plain(field.name)}</h3>`}
    <div class=${shape} dir="auto" tabindex=${text.length > 900 || shape.endsWith("code") ? 0 : undefined}>${text === "" ? html`<i class="quiet">(empty)</i>` : rest === null && field.parts ? field.parts.map(([part, names], i) => marked(part, names, i, lit, color)) : visible(text)}${more ? "…" : ""}</div>
    ${more && html`<button class="plain" onClick=${open}>Show all ${field.length.toLocaleString("en")} characters</button>`}
  </section>`;
}

function marked(part, names, i, lit, color) {
  if (!names.length) return html`<span key=${i}>${visible(part)}</span>`;
  const strong = lit && names.includes(lit) ? "lit" : "";
  return html`<mark key=${i} class=${`${strong} c${color(names[0])}`} title=${names.map(plain).join(", ")}>${visible(part)}</mark>`;
}

const MOST_AT_ONCE = 400; // characters of a value beside the text; more is shown when somebody asks

function Value({ field, transport }) {
  const [rest, open] = useRest(field, transport);
  if (field.kind === "table" && rest === null) return html`<${Numbers} field=${field} open=${open} />`;
  const text = rest ?? field.text;
  if (field.kind === "table") return html`<${Code} name=${field.name} text=${text} />`;
  if (field.kind !== "code") return html`<span class=${field.kind === "number" ? "number" : isCode(text) ? "prose code" : ""} dir="auto" tabindex=${isCode(text) ? 0 : undefined}>${visible(text)}</span>`;
  if (text.length <= MOST_AT_ONCE) return html`<${Code} name=${field.name} text=${text} />`;
  return html`<details class="value"><summary>${plain(text.replace(/\s+/g, " ").slice(0, 90))} … <span class="quiet">${(field.length ?? text.length).toLocaleString("en")} characters</span></summary>
    <${Code} name=${field.name} text=${text} />
    ${field.rest && rest === null && html`<button class="plain" onClick=${open}>Show all ${field.length.toLocaleString("en")} characters</button>`}</details>`;
}

function Code({ name, text }) {
  return html`<div class="prose code" role="region" aria-label=${plain(name)} tabindex="0">${visible(text)}</div>`;
}

function Numbers({ field, open }) {
  const left = Math.max(0, (field.numbers ? field.numbers - field.rows[0].length : field.all - field.rows.length) || 0);
  return html`<div class="numbers" tabindex="0" role="region" aria-label=${plain(field.name)}><table>
    ${field.head.length > 0 && html`<thead><tr>${field.head.map((name, i) => html`<th key=${i} scope="col">${plain(name)}</th>`)}</tr></thead>`}
    <tbody>${field.rows.map((row, i) => html`<tr key=${i}>${row.map((cell, j) => html`<td key=${j}>${plain(cell)}</td>`)}</tr>`)}</tbody>
  </table>${left > 0 && html`<button class="plain" onClick=${open}>and ${counted(left, field.numbers ? "more number" : "more row")}</button>`}</div>`;
}

/** The committee's view of a record: probabilities, votes with their place, and why it was picked. */
export function Opinion({ record, labels, color, setLit }) {
  if (record.blind) {
    return html`<section class="opinion" aria-label="Committee"><h2>Committee</h2><p class="quiet">${plain(record.why)}</p></section>`;
  }
  const shares = labels
    .map((label) => [label, record.probabilities[label] || 0])
    .sort((a, b) => b[1] - a[1])
    .slice(0, 5);
  const votes = [...record.votes].sort((a, b) => (b.label === record.suggestion) - (a.label === record.suggestion));
  return html`<section class="opinion" aria-label="Committee">
    <h2>Committee <span class="aside">confidence ${record.confidence.toFixed(2)}</span></h2>
    <ul class=${`shares ${areLong(shares.map(([label]) => label)) ? "wide" : ""}`}>${shares.map(([label, share]) => html`<li key=${label} title=${plain(label)}>
      <span class="name"><i class=${`dot c${color(label)}`}></i>${plain(label)}</span>
      <span class="bar"><i class=${`c${color(label)}`} style=${{ width: `${(100 * share).toFixed(1)}%` }}></i></span>
      <span class="number">${percent(share)}</span></li>`)}</ul>
    ${votes.length > 0 ? html`<ul class="votes">${votes.map((vote) => html`<li key=${vote.heuristic}
        onMouseEnter=${() => setLit(vote.heuristic)} onMouseLeave=${() => setLit(null)}>
      <i class=${`dot c${color(vote.label)}`}></i>
      <span class="who">${plain(vote.heuristic)}<small title=${plain(vote.where)}>${plain(vote.where.split(/[/\\]/).at(-1))}</small></span>
      <span class="what">${breakable(vote.label)}</span></li>`)}</ul>` : html`<p class="quiet">No heuristic votes.</p>`}
    <p class="why"><b>${plain(record.picked_by)}</b> ${plain(record.why.split("; ")[0])}</p>
  </section>`;
}
