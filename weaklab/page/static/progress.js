// How the work goes: counts, pace, the estimated accuracy and its curve, and what the last training changed.

import { html } from "./vendor/preact.js";
import { areLong, counted, percent, plain } from "./text.js";

export function Progress({ work, labels, color }) {
  const state = work.state;
  if (!state) return null;
  const takenBack = new Set(work.outbox.filter((message) => message.kind === "undo").map((message) => message.of));
  const waiting = work.outbox.filter((message) => message.kind === "answer" && !takenBack.has(message.n));
  const given = state.given.total + waiting.length;
  const counts = { ...state.given.by_label };
  for (const message of waiting) counts[message.value] = (counts[message.value] || 0) + 1;
  const most = Math.max(1, ...Object.values(counts));
  const shown = labels.filter((label) => counts[label] || labels.length <= 8).slice(0, 12);
  const project = work.project;
  return html`<section class="progress" aria-label="Progress">
    <h2>Progress</h2>
    <p class="figures">
      <span><b>${given.toLocaleString("en")}</b>this session</span>
      <span><b>${state.given.per_minute.toFixed(state.given.per_minute < 10 ? 1 : 0)}</b>per minute</span>
      <span><b>${(project.labels + waiting.length).toLocaleString("en")}</b>of ${project.records.toLocaleString("en")}</span>
    </p>
    <ul class=${`shares counts ${areLong(shown) ? "wide" : ""}`}>${shown.map((label) => html`<li key=${label} title=${plain(label)}>
      <span class="name"><i class=${`dot c${color(label)}`}></i>${plain(label)}</span>
      <span class="bar"><i class=${`c${color(label)}`} style=${{ width: `${(100 * (counts[label] || 0)) / most}%` }}></i></span>
      <span class="number">${counts[label] || 0}</span></li>`)}</ul>
    <${Accuracy} accuracy=${state.accuracy} curve=${work.project.curve} />
    <${Training} training=${state.training} />
  </section>`;
}

function Accuracy({ accuracy, curve }) {
  if (accuracy.value === null) {
    return html`<p class="quiet">Estimated accuracy: ${plain(accuracy.reason)}</p>`;
  }
  const { value, low, high } = accuracy;
  return html`<div class="accuracy">
    <p><b>${percent(value, 1)}</b> of the committee's labels are right, by estimate
      <span class="quiet"> (${percent(low, 1)} to ${percent(high, 1)}; ${counted(accuracy.random_answers, "random answer")})</span></p>
    ${curve.length > 1 && html`<${Curve} points=${curve} />`}
  </div>`;
}

/** The estimated accuracy over the number of labels, with its interval. */
function Curve({ points }) {
  const [wide, high] = [280, 64];
  const [first, last] = [points[0].labels, points.at(-1).labels];
  const bottom = Math.min(...points.map((p) => p.low));
  const x = (p) => ((p.labels - first) / Math.max(1, last - first)) * wide;
  const y = (value) => high - ((value - bottom) / Math.max(0.01, 1 - bottom)) * high;
  const line = (of) => points.map((p) => `${x(p).toFixed(1)},${y(of(p)).toFixed(1)}`);
  const band = [...line((p) => p.high), ...line((p) => p.low).reverse()].join(" ");
  const said = `Estimated accuracy from ${percent(points[0].value)} at ${counted(first, "label")} to ${percent(points.at(-1).value)} at ${last}`;
  return html`<svg class="curve" viewBox=${`0 -2 ${wide} ${high + 4}`} role="img" aria-label=${said}>
    <polygon points=${band} /><polyline points=${line((p) => p.value).join(" ")} />
  </svg>
  <p class="axis quiet"><span>${counted(first, "label")}</span><span>${last.toLocaleString("en")}</span></p>`;
}

function Training({ training }) {
  if (training.running && !training.labels) return html`<p class="quiet">The committee is being trained …</p>`;
  if (!training.labels) return html`<p class="quiet">The committee learns from the next labels.</p>`;
  const by = Object.entries(training.changed_by || {})[0];
  const flips = training.flipped === null ? "" : `: ${counted(training.flipped, "label")} flipped`;
  const why = training.flipped && by ? `, ${by[1].toLocaleString("en")} with a new vote of ${plain(by[0])}` : "";
  return html`<p class="trained">Retrained on ${counted(training.labels, "label")}${flips}${why}.${training.running ? " Training again …" : ""}</p>`;
}
