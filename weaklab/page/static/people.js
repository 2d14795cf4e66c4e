// The people: records on which they differ, labels that the committee contradicts, and how far people agree.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { FindDialog } from "./dialogs.js";
import { actionKeys, checkedSettings, keyName, keyOf, labelKeys, mostProbable } from "./keys.js";
import { Opinion, Record } from "./record.js";
import { breakable, counted, percent, plain } from "./text.js";

const EVERY_MS = 6000;
const PAGE = 10; // records asked for at a time
const MOST_BUTTONS = 12;
const LONG = 9; // "stands" and a key more are on the button than elsewhere
const TABS = [
  ["disputes", "Disagreements"],
  ["errors", "Label errors"],
  ["agreement", "Agreement"],
];

export function PeopleView({ project, transport, color, work, open, start }) {
  const [facts, setFacts] = useState(null);
  const [tab, setTab] = useState(start?.tab || "disputes");
  const [problem, setProblem] = useState("");
  const look = () =>
    transport.ask("people").then(
      (found) => {
        setFacts(found);
        setProblem("");
      },
      (error) => setProblem(error.message),
    );
  useEffect(() => {
    let timer;
    const again = async () => {
      if (!document.hidden) await look();
      timer = setTimeout(again, EVERY_MS);
    };
    again();
    return () => clearTimeout(timer);
  }, []);
  const count = { disputes: facts?.disputes, errors: facts?.errors };
  return html`<main class="people">
    <header><h1>People</h1>
      <div class="tabs" role="tablist" aria-label="People">${TABS.map(([id, title]) => html`<button key=${id} id=${`tab-${id}`} class="plain" role="tab" aria-selected=${tab === id} aria-controls="people-panel" onClick=${() => setTab(id)}>
        ${title}${count[id] ? html` <span class="count">${count[id].toLocaleString("en")}</span>` : ""}</button>`)}</div></header>
    ${problem && html`<p class="banner" role="alert">${plain(problem)}</p>`}
    <div id="people-panel" role="tabpanel" aria-labelledby=${`tab-${tab}`}>
      ${tab === "agreement"
        ? facts ? html`<${Agreement} facts=${facts} open=${open} />` : html`<p class="quiet">Counting …</p>`
        : html`<${Review} key=${tab} kind=${tab} facts=${facts} project=${project} transport=${transport} color=${color} work=${work} changed=${look} />`}
    </div>
  </main>`;
}

/** One record after the other, with who said what, and a key for each label. */
function Review({ kind, facts, project, transport, color, work, changed }) {
  const [rows, setRows] = useState([]);
  const [total, setTotal] = useState(null);
  const [at, setAt] = useState(0);
  const [settled, setSettled] = useState(false);
  const [done, setDone] = useState([]); // what was settled here: {event, place, row, label}
  const [nothing, setNothing] = useState(false); // to undo
  const [said, setSaid] = useState("");
  const [problem, setProblem] = useState("");
  const [finding, setFinding] = useState(false);
  const [lit, setLit] = useState(null);
  const since = useRef(performance.now());
  const busy = useRef(false);
  const reader = project.role === "read";
  const row = rows[at];
  const record = row?.record;
  const settings = checkedSettings(transport.browser.get("keys"));
  const { byAction, byKey } = actionKeys(settings);
  const given = [row?.label, ...(row?.said || []).map((one) => one.label)];
  const weights = { ...record?.probabilities, ...Object.fromEntries(given.map((label) => [label, 2])) }; // what people said comes first
  const keysOfLabels = labelKeys(project.labels, weights, byAction);
  const labelOfKey = new Map([...keysOfLabels].flatMap(([label, keys]) => keys.map((key) => [key, label])));

  const load = async (offset, keep) => {
    try {
      const found = await transport.ask(`people/${kind}?offset=${offset}&limit=${PAGE}${settled ? "&settled=1" : ""}`);
      setProblem("");
      setTotal(found.total);
      setRows((before) => {
        const held = keep ? before : [];
        const seen = new Set(held.map((one) => one.record.id));
        return [...held, ...found.rows.filter((one) => !seen.has(one.record.id))];
      });
    } catch (error) {
      setProblem(error.message);
    }
  };
  useEffect(() => {
    setAt(0);
    load(0, false);
  }, [settled]);
  const heading = useRef();
  useLayoutEffect(() => {
    since.current = performance.now();
    if (record && (transport.focused?.() ?? true)) heading.current?.focus({ preventScroll: true });
  }, [record?.id]);

  const go = (by) => {
    const next = Math.max(0, Math.min(at + by, rows.length - 1));
    setAt(next);
    if (next > rows.length - 4 && rows.length < total) load(rows.length, true);
  };
  const settle = async (label) => {
    if (!row || reader || busy.current) return;
    busy.current = true;
    const seconds = Math.round(performance.now() - since.current) / 1000;
    try {
      const reply = await transport.ask("people/settle", { annotator: work.annotator, record: record.id, label, seconds });
      setDone([...done, { event: reply.event, place: at, row }]);
      setNothing(false);
      setSaid(`${plain(record.id)} is ${plain(label)}`);
      const left = rows.filter((one) => one !== row);
      setRows(left);
      setTotal(total - 1);
      setAt(Math.max(0, Math.min(at, left.length - 1)));
      if (left.length < 4 && left.length < total - 1) load(left.length, true);
      changed();
    } catch (error) {
      setProblem(error.message);
    }
    busy.current = false;
  };
  // the last label that this person has settled, also before a reload or in another tab
  const undo = async () => {
    if (reader || busy.current) return;
    busy.current = true;
    try {
      const { event, row: back } = await transport.ask("people/undo", { annotator: work.annotator });
      if (event === null) {
        setNothing(true);
        setSaid("nothing to undo");
      } else {
        const here = done.find((one) => one.event === event);
        const left = rows.filter((one) => one.record.id !== back.record.id);
        const place = Math.min(here?.place ?? at, left.length);
        setDone(done.filter((one) => one !== here));
        setRows([...left.slice(0, place), here?.row ?? back, ...left.slice(place)]);
        setTotal(total + 1 + left.length - rows.length);
        setAt(place);
        setSaid(`${plain(back.record.id)} is as it was`);
        changed();
      }
    } catch (error) {
      setProblem(error.message);
    }
    busy.current = false;
  };

  const press = useRef();
  press.current = (event) => {
    if (finding || event.defaultPrevented || event.repeat) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    const key = keyOf(event);
    if (key === null || (settings.off && (key.length === 1 || key === "Enter"))) return;
    if (key === "Enter" && event.target.closest?.("button, a, summary")) return;
    const action = key === "undo" ? key : key === "Backspace" ? "undo" : byKey.get(key);
    if (key === "ArrowRight" || key === "j" || action === "skip") go(1);
    else if (key === "ArrowLeft" || key === "k") go(-1);
    else if (reader) return;
    else if (action === "accept") row && settle(row.label);
    else if (action === "undo") undo();
    else if (action === "find") row && setFinding(true);
    else if (labelOfKey.has(key)) settle(labelOfKey.get(key));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  useEffect(() => {
    const listen = (event) => press.current(event);
    transport.keys.addEventListener("keydown", listen);
    return () => transport.keys.removeEventListener("keydown", listen);
  }, []);

  if (total === null) return html`<p class="quiet wait">${problem ? plain(problem) : kind === "errors" ? "The committee judges each label without knowing it …" : "Looking …"}</p>`;
  const many = project.labels.length > MOST_BUTTONS;
  const labels = many && row ? mostProbable(project.labels, weights, 5) : project.labels;
  return html`
    ${problem && html`<p class="banner" role="alert">${plain(problem)}</p>`}
    <div class="bar-of-review">
      <p role="status">${total ? html`<b>${at + 1}</b> of ${total.toLocaleString("en")}` : ""}${said ? html`${total ? " · " : ""}${said}` : ""}</p>
      ${kind === "disputes" && (facts?.settled > 0 || settled) && html`<label class="switch"><input type="checkbox" checked=${settled} onChange=${(event) => setSettled(event.target.checked)} /> Settled ones</label>`}
      <span class="space"></span>
      ${!reader && html`<button class="plain" disabled=${nothing} onClick=${undo}>Undo${!settings.off && html`<kbd>${keyName(byAction.undo)}</kbd>`}</button>`}
      <button class="plain" disabled=${at === 0} onClick=${() => go(-1)}>Back${!settings.off && html`<kbd>←</kbd>`}</button>
      <button class="plain" disabled=${at >= rows.length - 1} onClick=${() => go(1)}>Next${!settings.off && html`<kbd>→</kbd>`}</button>
    </div>
    ${row
      ? html`<div class="review">
          <article class="card" key=${record.id} aria-label="Record">
            <header><h2 ref=${heading} tabindex="-1"><span class="hidden">Record </span>${plain(record.id)}</h2></header>
            <${Record} record=${record} transport=${transport} lit=${lit} color=${(name) => color(record.votes.find((vote) => vote.heuristic === name)?.label)} />
          </article>
          <aside>
            <section class="sayings"><h2>Who says what</h2>
              <ul>${row.said.map((one) => html`<li key=${one.annotator} class=${one.label === row.label ? "stands" : ""}>
                <span class="who">${plain(one.annotator)}<small>${day(one.at)}${one.settles ? ", settled it" : one.blind ? ", blind" : ""}</small></span>
                <span class="what"><i class=${`dot c${color(one.label)}`}></i>${breakable(one.label)}</span></li>`)}</ul>
              ${row.notes.map((note, i) => html`<blockquote key=${i} dir="auto">${plain(note.text)}<footer>${plain(note.annotator)}</footer></blockquote>`)}
            </section>
            ${record.suggestion !== null && record.confidence !== undefined && html`<${Opinion} record=${record} labels=${project.labels} color=${color} setLit=${setLit} />`}
          </aside>
          ${!reader && html`<div class="answers">
            <div class=${`choices ${labels.some((label) => label.length > LONG) ? "wide" : ""}`} role="group" aria-label="Labels">
              ${labels.map((label) => {
                const keys = keysOfLabels.get(label) || [];
                const stands = label === row.label;
                const hints = [...(stands ? [byAction.accept] : []), ...keys];
                return html`<button key=${label} class=${`choice c${color(label)} ${stands ? "suggested" : ""}`} onClick=${() => settle(label)} aria-keyshortcuts=${settings.off || !hints.length ? undefined : hints.join(" ")}>
                  <i class="dot"></i><span class="name">${breakable(label)}</span>${stands && html`<span class="sure">stands</span>`}
                  ${!settings.off && html`<span class="hints">${hints.map((key) => html`<kbd key=${key}>${keyName(key)}</kbd>`)}</span>`}</button>`;
              })}
              ${many && html`<button class="choice more" onClick=${() => setFinding(true)}><span class="name">All ${project.labels.length} labels</span>${!settings.off && html`<span class="hints"><kbd>${byAction.find}</kbd></span>`}</button>`}
            </div></div>`}
        </div>`
      : html`<div class="card empty"><p>${kind === "errors" ? "No label is contradicted by the committee." : settled ? "Nobody has settled a record yet." : facts && !facts.pairs.length ? "No record was labeled by several people yet." : "People agree on every record that several of them labeled."}</p></div>`}
    <p class="quiet foot">${kind === "errors"
      ? "Labels that the committee gives a low probability when it is trained without them, the lowest first. What you choose confirms or corrects the label."
      : "What you choose stands, whatever others say, until it is undone."}</p>
    ${finding && html`<${FindDialog} labels=${project.labels} probabilities=${record?.probabilities || {}} color=${color} close=${() => setFinding(false)} choose=${(label) => { setFinding(false); settle(label); }} />`}`;
}

const day = (at) => at.slice(0, 10);
const figure = (value) => (value === null ? "" : value.toFixed(2).replace("-", "−"));

function Agreement({ facts, open }) {
  const known = facts.coefficients.filter((one) => one.value !== null);
  const missing = facts.coefficients.filter((one) => one.value === null);
  return html`<div class="agreement">
    ${known.length > 0 && html`<ul class="big">${known.map((one) => html`<li key=${one.name}><b>${figure(one.value)}</b><span>${one.name}
      <small>${figure(one.low)} to ${figure(one.high)}, ${counted(one.records, "record")}${one.people ? ` with ${one.people} answers` : ""}</small></span></li>`)}</ul>`}
    ${missing.map((one) => html`<p class="quiet" key=${one.name}>${one.name} is not known yet: ${plain(one.why)}.</p>`)}
    <div class="scroll" tabindex="0" role="region" aria-label="Each person"><table class="lfs">
      <caption>Each person</caption>
      <thead><tr><th scope="col">Person</th><th scope="col">Labels</th><th scope="col">Seconds for one</th><th scope="col">Shared</th><th scope="col">As others say</th><th scope="col">Right, by estimate</th></tr></thead>
      <tbody>${facts.people.map((one) => html`<tr key=${one.annotator}>
        <th scope="row"><button class="plain" onClick=${() => open("table", { annotator: one.annotator })} title="Show the records that this person labeled">${plain(one.annotator)}</button></th>
        <td class="number">${one.labels.toLocaleString("en")}</td>
        <td class="number">${one.seconds === null ? "" : one.seconds.toFixed(1)}</td>
        <td class="number">${one.shared.toLocaleString("en")}</td>
        <td class="number">${one.agreement === null ? "" : percent(one.agreement)}</td>
        <td><${Interval} value=${one.accuracy} low=${one.low} high=${one.high} /></td></tr>`)}</tbody></table>
      ${!facts.people.length && html`<p class="quiet">Nobody has labeled yet.</p>`}</div>
    ${facts.pairs.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Each pair"><table class="lfs">
      <caption>Each pair${facts.all_pairs > facts.pairs.length ? `, the first ${facts.pairs.length} of ${facts.all_pairs.toLocaleString("en")}` : ""}</caption>
      <thead><tr><th scope="col">People</th><th scope="col">Both labeled</th><th scope="col">Agree</th><th scope="col">Cohen's kappa</th></tr></thead>
      <tbody>${facts.pairs.map((pair) => html`<tr key=${`${pair.first}\n${pair.second}`}><th scope="row">${plain(pair.first)} and ${plain(pair.second)}</th>
        <td class="number">${pair.records.toLocaleString("en")}</td>
        ${pair.agreement === null
          ? html`<td colspan="2" class="quiet">too few records for figures</td>`
          : html`<td class="number">${percent(pair.agreement)}</td><td class="number">${pair.kappa === null ? html`<span class="quiet">both gave one label only</span>` : html`${figure(pair.kappa)} <span class="quiet">(${figure(pair.low)} to ${figure(pair.high)})</span>`}</td>`}</tr>`)}</tbody></table></div>`}
    <p class="quiet foot">Kappa and alpha are 1 where all agree and 0 where they agree as often as by chance; in brackets, 95 % intervals.</p>
  </div>`;
}

function Interval({ value, low, high }) {
  if (value === null || low === null) return html`<span class="quiet">not known</span>`;
  const at = (share) => `${(100 * share).toFixed(1)}%`;
  return html`<span class="interval"><span class="scale" aria-hidden="true">
      <i class="span" style=${{ left: at(low), width: at(high - low) }}></i><i class="point" style=${{ left: at(value) }}></i></span>
    <span class="number">${percent(value)} <span class="quiet">(${percent(low)} to ${percent(high)})</span></span></span>`;
}
