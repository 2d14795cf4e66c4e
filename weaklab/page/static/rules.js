// Rules and repairs: labeling functions that are proposed from a word, from records or from all labels, and changes of
// functions that are wrong; each with what is known of it, the records it is about, and what would be written.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { counted, percent, plain } from "./text.js";

/** A share in points, with its sign. */
function points(share) {
  const size = Math.abs(100 * share).toFixed(1);
  return size === "0.0" ? size : `${share < 0 ? "−" : "+"}${size}`;
}

/** `start` says what to begin with: {word}, {ids}, {filters, total}, {heuristic} or {repairs: true}; {label} with each. */
export function RulesView({ project, transport, color, start, open }) {
  const [source, setSource] = useState(() => start || {});
  const [label, setLabel] = useState(() => start?.label || "");
  const [found, setFound] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [accepted, setAccepted] = useState([]);
  const [problem, setProblem] = useState("");
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState("");
  const turn = useRef(0);
  const field = useRef();
  const repairs = source.heuristic !== undefined || source.repairs === true;

  const look = async () => {
    const now = ++turn.current;
    setBusy(repairs ? "Looking for repairs …" : "Looking for rules …");
    setProblem("");
    setFound(null);
    setChosen(null);
    const { word, ids, filters, heuristic } = source;
    const asked = repairs ? transport.ask("rules/repairs", { heuristic }) : transport.ask("rules/propose", { word, records: ids, filters, label });
    try {
      const reply = await asked;
      if (now !== turn.current) return;
      setFound(reply.proposed);
      setChosen(reply.proposed[0]?.id ?? null);
    } catch (error) {
      if (now === turn.current) setProblem(error.message);
    }
    if (now === turn.current) setBusy("");
  };
  useEffect(() => {
    look();
  }, [source, label]);
  useEffect(() => {
    transport.ask("rules/accepted", {}).then((reply) => setAccepted(reply.accepted), () => {});
    return () => turn.current++;
  }, []);

  const change = async (path, body, doing, done) => {
    setBusy(doing);
    setProblem("");
    setSaid("");
    try {
      const reply = await transport.ask(path, body);
      setAccepted(reply.accepted);
      setSaid(`${done(reply)}; ${counted(reply.flipped, "label")} of the committee changed`);
    } catch (error) {
      setProblem(error.message);
      return setBusy("");
    }
    await look();
  };
  const accept = (id) => change("rules/accept", { id }, "Writing and training …", (reply) => (reply.where ? `${plain(reply.name)} is written` : `${plain(reply.name)} is retired`));
  const undo = (id) => change("rules/undo", { id }, "Taking back and training …", (reply) => `taken back: ${plain(reply.undone)}`);
  const seek = (event) => {
    event.preventDefault();
    const word = field.current.value.trim();
    setSource(word ? { word } : {});
  };

  return html`<main class="rules">
    <header><h1>${repairs ? "Repairs" : "Rules"}</h1>
      <div class="kinds" role="group" aria-label="What is proposed">
        <button class="plain" aria-pressed=${!repairs} onClick=${() => repairs && setSource({})}>New rules</button>
        <button class="plain" aria-pressed=${repairs} onClick=${() => repairs || setSource({ repairs: true })}>Repairs</button></div>
    </header>
    ${repairs
      ? html`<form class="filters" onSubmit=${(event) => event.preventDefault()}><label class="pick-one"><span>Function</span><select value=${source.heuristic ?? ""} onChange=${(event) => setSource(event.target.value ? { heuristic: event.target.value } : { repairs: true })}>
          <option value="">all that seem wrong</option>${withThis(project.heuristics, source.heuristic).map((name) => html`<option key=${name} value=${name}>${plain(name)}</option>`)}</select></label></form>`
      : html`<form class="filters" role="search" onSubmit=${seek}>
          <input type="search" ref=${field} key=${source.word ?? ""} defaultValue=${source.word ?? ""} maxlength="100" placeholder="A word or phrase to look for" aria-label="A word or phrase to look for" />
          <button class="plain">Propose</button>
          <label class="pick-one"><span>Vote</span><select value=${label} onChange=${(event) => setLabel(event.target.value)}>
            <option value="">what fits best</option>${project.labels.map((name) => html`<option key=${name} value=${name}>${plain(name)}</option>`)}</select></label>
          ${(source.ids || source.filters) && html`<button class="chip" type="button" onClick=${() => setSource({})} title="Propose from all records">from ${counted(source.total ?? source.ids.length, "chosen record")} <span aria-hidden="true">×</span></button>`}
        </form>`}
    ${problem && html`<p class="banner" role="alert">${plain(problem)}</p>`}
    <p class="quiet" role="status">${busy || said || (found && said_of(found, repairs, source))}</p>
    ${found && html`<ul class="proposals">${found.map((one) => html`<${Proposal} key=${one.id} one=${one} open=${one.id === chosen} toggle=${() => setChosen(one.id === chosen ? null : one.id)}
      accept=${() => accept(one.id)} busy=${!!busy} transport=${transport} color=${color} project=${project} label=${one.label} />`)}</ul>`}
    ${accepted.length > 0 && html`<section class="accepted"><h2>Accepted</h2>
      <ul>${accepted.map((one) => html`<li key=${one.id}><span><b>${plain(one.name)}</b> ${plain(one.says)}<small>${plain(one.file.split(/[/\\]/).at(-1))}${one.new ? "" : ", edited"}</small></span>
        <button class="plain" disabled=${!!busy} onClick=${() => undo(one.id)} aria-label=${`Undo ${plain(one.name)}: ${plain(one.says)}`}>Undo</button></li>`)}</ul></section>`}
    <p class="quiet foot">Read a rule before you accept it: what estimates its gain may be wrong in the same way as the rule.
      ${!repairs && html` <button class="plain link" onClick=${() => open("table")}>Choose records in the table</button> to make rules of them.`}</p>
  </main>`;
}

const withThis = (names, name) => (name === undefined || names.includes(name) ? names : [...names, name]);

function said_of(found, repairs, source) {
  if (found.length === 1) return repairs ? "1 repair" : "1 rule";
  if (found.length) return `${counted(found.length, repairs ? "repair" : "rule")}, ${source.word ? "the word alone, then " : ""}the most useful first`;
  return repairs ? "No repair was found that would help." : "No rule was found that would help. More labels, or other records, may give some.";
}

function Proposal({ one, open, toggle, accept, busy, transport, color, project }) {
  const repair = one.flips !== undefined;
  const can = !repair || one.diff !== "";
  return html`<li class=${`proposal ${open ? "open" : ""}`}>
    <button class="says" aria-expanded=${open} onClick=${toggle}>
      <span class="what">${repair && html`<b>${plain(one.heuristic)}</b> `}${repair ? plain(one.says) : html`<i class=${`dot c${color(one.label)}`}></i>${plain(one.says)}`}</span>
      <span class=${`gain ${one.gain_low > 0 ? "good" : ""}`}><b>${points(one.gain)}</b> points <small>${points(one.gain_low)} to ${points(one.gain_high)}</small></span>
    </button>
    <dl class="facts">
      ${repair
        ? html`<div><dt>Votes that change</dt><dd>${one.flips.toLocaleString("en")} of ${one.records.toLocaleString("en")}</dd></div>
          <div><dt>Precision now</dt><dd><${Span} mean=${one.before} low=${one.before_low} high=${one.before_high} /></dd></div>
          ${one.after !== null && html`<div><dt>Precision after</dt><dd><${Span} mean=${one.after} low=${one.after_low} high=${one.after_high} /></dd></div>`}
          <div><dt>Judged by</dt><dd>${one.judged ? `${one.wrong} of ${one.judged} ${one.basis} wrong there` : "the committee alone"}</dd></div>`
        : html`<div><dt>Coverage</dt><dd>${counted(one.records, "record")}, ${percent(one.coverage, 1)}</dd></div>
          <div><dt>Precision</dt><dd><${Span} mean=${one.precision} low=${one.precision_low} high=${one.precision_high} /></dd></div>
          <div><dt>Judged by</dt><dd>${one.judged ? `${one.right} of ${one.judged} ${one.basis} right` : "the committee alone"}</dd></div>
          <div><dt>Labels that change</dt><dd>${one.changed.toLocaleString("en")}</dd></div>`}
    </dl>
    ${open && html`<div class="detail">
      <${Source} text=${repair ? one.diff : one.source} diff=${repair} />
      ${!can && html`<p class="quiet">It stands in no file of this project that can be edited; change it where it is defined.</p>`}
      <${Matches} id=${one.id} repair=${repair} transport=${transport} color=${color} />
      <p class="act"><button class="primary" disabled=${busy || !can} onClick=${accept}>${repair ? "Write this change" : "Accept this rule"}</button>
        ${repair && one.file && html`<small class="quiet">${plain(one.file)}:${one.line}</small>`}</p>
    </div>`}
  </li>`;
}

function Span({ mean, low, high }) {
  const at = (share) => `${(100 * share).toFixed(1)}%`;
  return html`<span class="interval"><span class="scale" aria-hidden="true"><i class="span" style=${{ left: at(low), width: at(high - low) }}></i><i class="point" style=${{ left: at(mean) }}></i></span>
    <span class="number">${percent(mean)} <span class="quiet">${percent(low)} to ${percent(high)}</span></span></span>`;
}

function Source({ text, diff }) {
  if (!text) return null;
  const kind = (line) => (!diff || /^(---|\+\+\+|@@)/.test(line) ? "" : line[0] === "+" ? "new" : line[0] === "-" ? "old" : "");
  return html`<pre class="source" tabindex="0" role="region" aria-label=${diff ? "What changes in the file" : "What is written"}><code>${text.replace(/\n$/, "").split("\n").map((line, i) => html`<span key=${i} class=${kind(line)}>${plain(line)}${"\n"}</span>`)}</code></pre>`;
}

function Matches({ id, repair, transport, color }) {
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let here = true;
    transport.ask("rules/records", { id }).then((reply) => here && setFound(reply), (error) => here && setProblem(error.message));
    return () => (here = false);
  }, [id]);
  if (problem) return html`<p class="quiet">${plain(problem)}</p>`;
  if (!found) return html`<p class="quiet">The records …</p>`;
  const what = repair ? (found.total === 1 ? "1 vote changes" : `${found.total.toLocaleString("en")} votes change`) : counted(found.total, "record");
  return html`<div class="scroll matches" tabindex="0" role="region" aria-label="Records"><table>
    <caption>${what}${found.against ? `; ${found.against.toLocaleString("en")} where your label or the committee's is another, first` : ""}${found.total > found.rows.length ? `; ${found.rows.length} shown` : ""}</caption>
    <tbody>${found.rows.map((row) => html`<tr key=${row.id}><th scope="row">${plain(row.id)}</th><td dir="auto">${plain(row.text.replace(/\s+/g, " "))}</td>
      <td class="label">${row.label === null ? html`<span class="quiet">–</span>` : html`<i class=${`dot c${color(row.label)}`}></i>${plain(row.label)}`}</td><td class="quiet number">${row.manual ? "manual" : percent(row.confidence)}</td></tr>`)}</tbody></table></div>`;
}
