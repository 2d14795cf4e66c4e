// For those who may only look: how far the work is.

import { html, useEffect, useState } from "./vendor/preact.js";
import { percent, plain } from "./text.js";

const EVERY_MS = 5000;

export function Overview({ project, transport }) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    let timer;
    const look = async () => {
      await transport.ask("overview").then(setFound, () => {});
      timer = setTimeout(look, EVERY_MS);
    };
    look();
    return () => clearTimeout(timer);
  }, []);
  if (!found) return html`<main class="door" aria-busy="true"></main>`;
  const { accuracy } = found;
  return html`<main class="looking">
    <h1>${plain(project.name)}</h1>
    <p class="figures"><span><b>${found.labels.toLocaleString("en")}</b> of ${found.records.toLocaleString("en")} records have a manual label</span></p>
    ${accuracy.value !== null && html`<p><b>${percent(accuracy.value, 1)}</b> of the committee's labels are right, by estimate (${percent(accuracy.low, 1)} to ${percent(accuracy.high, 1)})</p>`}
    <h2>Labels</h2><${Bars} counts=${found.by_label} />
    <h2>People</h2><${Bars} counts=${found.by_person} />
    ${found.people.length > 0 && html`<p class="quiet">here now: ${found.people.map(plain).join(", ")}</p>`}
  </main>`;
}

function Bars({ counts }) {
  const most = Math.max(1, ...Object.values(counts));
  return html`<ul class="shares">${Object.entries(counts).map(([name, count]) => html`<li key=${name}>
    <span class="name">${plain(name)}</span>
    <span class="bar"><i style=${{ width: `${(100 * count) / most}%` }}></i></span>
    <span class="number">${count.toLocaleString("en")}</span></li>`)}</ul>`;
}
