// The committee: what each heuristic does, who contradicts whom, and the records behind each number.

import { html, useEffect, useState } from "./vendor/preact.js";
import { breakable, counted, percent, plain } from "./text.js";

const EVERY_MS = 8000;
const MOST_IN_MATRIX = 40;

export function CommitteeView({ work, project, transport, color, open }) {
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const look = async () => {
    setBusy(true);
    await transport.ask("committee").then(
      (facts) => {
        setFound(facts);
        setProblem("");
      },
      (error) => setProblem(error.message),
    );
    setBusy(false);
  };
  useEffect(() => {
    let timer;
    const again = async () => {
      if (!document.hidden) await look();
      timer = setTimeout(again, EVERY_MS);
    };
    again();
    return () => clearTimeout(timer);
  }, []);
  if (!found) return html`<main class="committee" aria-busy="true"><h1>Committee</h1><p class="quiet">${problem ? plain(problem) : "The heuristics vote …"}</p></main>`;
  const rows = found.heuristics;
  const told = work ? project.load_errors : []; // above this view already
  const reader = project.role === "read";
  return html`<main class="committee">
    <header><h1>Committee</h1><span class="space"></span><button class="plain" disabled=${busy} onClick=${look}>${busy ? "Looking …" : "Read edited files again"}</button></header>
    ${problem && html`<p class="banner" role="alert">${plain(problem)}</p>`}
    ${found.load_errors.filter((error) => !told.includes(error)).map((error) => html`<p class="banner" role="alert" key=${error}>${plain(error)}</p>`)}
    ${!rows.length && html`<p class="nothing">There is no heuristic yet.<br />${!reader && html`<span class="quiet">Select words in a record and press <kbd>r</kbd> to make a rule, or write a labeling function into a file in labeling_functions/; it is read by itself.</span>`}</p>`}
    ${rows.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Heuristics"><table class="lfs">
      <thead><tr><th scope="col">Heuristic</th><th scope="col">Votes</th><th scope="col">Coverage</th><th scope="col">Conflicts</th><th scope="col">Right on your labels</th><th scope="col">Wrong</th><th scope="col">Faults</th>${!reader && html`<th scope="col"><span class="hidden">Repairs</span></th>`}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.name}>
        <th scope="row"><button class="plain" onClick=${() => open("table", { heuristic: row.name })} title="Show the records on which it votes">${breakable(row.name)}</button><small title=${plain(row.location)}>${plain(row.location.split(/[/\\]/).at(-1))}</small></th>
        <td class="polarity">${row.polarity.map((label) => html`<span key=${label}><i class=${`dot c${color(label)}`}></i>${plain(label)}</span>`)}</td>
        <td><span class="meter"><span class="bar"><i style=${{ width: `${100 * row.coverage}%` }}></i></span>${percent(row.coverage, 1)}</span></td>
        <td class="number">${percent(row.conflicts, 1)}</td>
        <td><${Interval} row=${row} /></td>
        <td class="number">${row.wrong ? html`<button class="plain" onClick=${() => open("table", { wrong: row.name })} aria-label=${`Show the ${counted(row.wrong, "record")} that ${row.name} got wrong`}>${row.wrong}</button>` : "0"}</td>
        <td class=${`number ${row.faults ? "bad" : ""}`}>${row.faults.toLocaleString("en")}</td>
        ${!reader && html`<td>${!row.learns && html`<button class="plain" onClick=${() => open("rules", { heuristic: row.name })} aria-label=${`Repair ${plain(row.name)}`}>Repair</button>`}</td>`}</tr>`)}</tbody>
    </table></div>`}
    ${found.faults.length > 0 && html`<details><summary>${counted(found.faults.length, "kind")} of faults</summary><ul class="faults">${found.faults.map((fault, i) => html`<li key=${i}>${plain(fault)}</li>`)}</ul></details>`}
    ${rows.length > 1 && rows.length <= MOST_IN_MATRIX && html`<${Matrix} found=${found} open=${open} />`}
  </main>`;
}

/** Accuracy on manual labels with its 95 % interval, on a scale from 0 to 1; few labels are counted, not made a share. */
function Interval({ row }) {
  if (!row.n_labels) return html`<span class="quiet">no label yet</span>`;
  if (!row.enough) return html`<span class="number">${Math.round(row.accuracy * row.n_labels)} of ${row.n_labels}</span>`;
  const at = (share) => `${(100 * share).toFixed(1)}%`;
  return html`<span class="interval"><span class="scale" aria-hidden="true">
      <i class="span" style=${{ left: at(row.accuracy_low), width: at(row.accuracy_high - row.accuracy_low) }}></i><i class="point" style=${{ left: at(row.accuracy) }}></i></span>
    <span class="number">${percent(row.accuracy)} <span class="quiet">(${percent(row.accuracy_low)} to ${percent(row.accuracy_high)}, ${row.n_labels})</span></span></span>`;
}

function Matrix({ found, open }) {
  const names = found.heuristics.map((row) => row.name);
  const most = Math.max(1, ...found.conflicts.flat());
  return html`<section><h2>Conflicts</h2>
    <p class="quiet">On how many records two heuristics vote for different labels. A number opens these records.</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Conflicts"><table class="matrix">
      <thead><tr><td></td><td></td>${names.map((name, j) => html`<th key=${name} scope="col" title=${plain(name)}><span class="hidden">${plain(name)} </span>${j + 1}</th>`)}</tr></thead>
      <tbody>${names.map((name, i) => html`<tr key=${name}><th scope="row">${plain(name)}</th><td class="quiet number">${i + 1}</td>
        ${found.conflicts[i].map((n, j) => html`<td key=${j} class=${i === j ? "same" : ""}>${n > 0 && i !== j
          ? html`<button style=${{ "--share": `${Math.round(8 + (62 * n) / most)}%` }} onClick=${() => open("table", { heuristic: name, against: names[j] })}
              aria-label=${`${name} against ${names[j]}: ${counted(n, "record")}`} title=${`${plain(name)} against ${plain(names[j])}`}>${n.toLocaleString("en")}</button>` : ""}</td>`)}</tr>`)}</tbody>
    </table></div></section>`;
}
