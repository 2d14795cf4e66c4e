// The table: search, filters, any number of rows drawn as they come into sight, labels one by one and in bulk.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { labelKeys, actionKeys, checkedSettings } from "./keys.js";
import { counted, percent, plain } from "./text.js";

const ROW = 38; // pixels
const PAGE = 100; // rows asked for at a time
const TALLEST = 8_000_000; // browsers draw no taller element; beyond, the scroll bar stands for parts of the whole
const KEEP_PAGES = 40;
const WAIT_MS = 180;
const NONE = "(none)";

export function TableView({ project, transport, color, work, start, open }) {
  const [filters, setFilters] = useState(() => ({ search: "", label: "", heuristic: "", manual: "", sort: "", ...start }));
  const [typed, setTyped] = useState("");
  const [found, setFound] = useState(null); // {total, pages: Map}
  const [problem, setProblem] = useState("");
  const [first, setFirst] = useState(0);
  const [at, setAt] = useState(0);
  const [chosen, setChosen] = useState(new Set());
  const [everything, setEverything] = useState(false);
  const [steps, setSteps] = useState([]);
  const [said, setSaid] = useState("");
  const [high, setHigh] = useState(600);
  const [printing, setPrinting] = useState(false);
  const scroller = useRef();
  const asked = useRef(new Map());
  const turn = useRef(0);
  const reader = project.role === "read";
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value)).toString();
  const shown = Math.max(4, Math.floor(high / ROW));
  const total = found?.total ?? 0;

  const load = async (page, now) => {
    if (asked.current.has(page)) return;
    asked.current.set(page, true);
    try {
      const part = await transport.ask(`records?${query}&offset=${page * PAGE}&limit=${PAGE}`);
      if (now !== turn.current) return;
      setProblem("");
      setFound((before) => {
        const pages = new Map(before?.pages).set(page, part.rows);
        while (pages.size > KEEP_PAGES) {
          const oldest = pages.keys().next().value;
          pages.delete(oldest);
          asked.current.delete(oldest);
        }
        return { total: part.total, records: part.records, pages };
      });
    } catch (error) {
      asked.current.delete(page);
      if (now === turn.current) setProblem(error.message);
    }
  };
  const look = (keep) => {
    turn.current++;
    asked.current = new Map();
    if (keep) setFound((before) => before && { ...before, pages: new Map(before.pages) });
    const pages = new Set([Math.floor(first / PAGE), Math.floor((first + shown) / PAGE)]);
    return Promise.all([...pages].map((page) => load(page, turn.current)));
  };

  useEffect(() => {
    const timer = setTimeout(() => typed !== filters.search && setFilters({ ...filters, search: typed }), WAIT_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => {
    setFirst(0);
    setAt(0);
    setChosen(new Set());
    setEverything(false);
    if (scroller.current) scroller.current.scrollTop = 0;
    turn.current++;
    asked.current = new Map();
    load(0, turn.current);
  }, [query]);
  useEffect(() => {
    const timer = setTimeout(() => {
      for (const place of [first, first + shown]) if (place < total) load(Math.floor(place / PAGE), turn.current);
    }, 40);
    return () => clearTimeout(timer);
  }, [first, shown, total]);
  useLayoutEffect(() => {
    const measure = () => scroller.current && setHigh(scroller.current.clientHeight);
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);

  useEffect(() => {
    const [begin, end] = [() => setPrinting(true), () => setPrinting(false)];
    addEventListener("beforeprint", begin);
    addEventListener("afterprint", end);
    return () => {
      removeEventListener("beforeprint", begin);
      removeEventListener("afterprint", end);
    };
  }, []);

  const tall = Math.min(total * ROW, TALLEST);
  const room = Math.max(1, tall - high);
  const scrolled = () => {
    const place = Math.round((scroller.current.scrollTop / room) * Math.max(0, total - shown));
    setFirst(Math.max(0, Math.min(place, Math.max(0, total - shown))));
  };
  const go = (place) => {
    const next = Math.max(0, Math.min(place, total - 1));
    setAt(next);
    const top = next < first ? next : next >= first + shown ? next - shown + 1 : first;
    if (top !== first) scroller.current.scrollTop = (top / Math.max(1, total - shown)) * room;
    return next;
  };
  const row = (place) => found?.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
  const toggle = (place, on) => {
    const id = row(place)?.id;
    if (id === undefined) return;
    setEverything(false);
    const next = new Set(chosen);
    if (on ?? !next.has(id)) next.add(id);
    else next.delete(id);
    setChosen(next);
  };

  const give = async (label) => {
    const current = row(at)?.id;
    const records = chosen.size ? [...chosen] : current === undefined ? [] : [current];
    if (!everything && !records.length) return;
    try {
      const body = { annotator: work.annotator, label, ...(everything ? { filters: Object.fromEntries(new URLSearchParams(query)) } : { records }) };
      const done = await transport.ask("records/label", body);
      work.hurry();
      setSteps([...steps, { step: done.step, said: `${counted(done.labeled, "record")}: ${plain(label)}` }]);
      setSaid(`${counted(done.labeled, "record")} labeled ${plain(label)}`);
      setChosen(new Set());
      setEverything(false);
      if (!chosen.size && !everything) go(at + 1);
      await look(true);
    } catch (error) {
      setSaid(error.message);
    }
  };
  const undo = async () => {
    const last = steps.at(-1);
    if (!last) return setSaid("nothing to undo here");
    setSteps(steps.slice(0, -1));
    try {
      const done = await transport.ask("records/undo", { step: last.step });
      work.hurry();
      setSaid(`${counted(done.undone, "label")} taken back`);
      await look(true);
    } catch (error) {
      setSaid(error.message);
    }
  };

  const settings = checkedSettings(transport.browser.get("keys"));
  const keysOfLabels = labelKeys(project.labels.slice(0, 10), {}, actionKeys(settings).byAction);
  const digits = new Map([...keysOfLabels].flatMap(([label, keys]) => keys.slice(0, 1).map((key) => [key, label])));
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: shown, PageUp: -shown, Home: -total, End: total };
    const { key } = event;
    if (settings.off && key.length === 1) return;
    if (key in moves) {
      const next = go(at + moves[key]);
      if (event.shiftKey && key.startsWith("Arrow")) {
        const ids = [at, next].map((place) => row(place)?.id).filter((id) => id !== undefined);
        setChosen(new Set([...chosen, ...ids]));
      }
    } else if (key === "x" || key === " ") toggle(at);
    else if (!reader && key === "u") undo();
    else if (!reader && digits.has(key)) give(digits.get(key));
    else if (key === "Escape") setChosen(new Set());
    else return;
    event.preventDefault();
  };

  const set = (name) => (event) => setFilters({ ...filters, [name]: event.target.type === "checkbox" ? (event.target.checked ? "1" : "") : event.target.value });
  let places = Array.from({ length: Math.min(printing ? PAGE * 2 : shown + 1, Math.max(0, total - first)) }, (_, i) => first + i);
  if (printing) places = places.filter(row); // those that are there
  const many = everything ? total : chosen.size;
  return html`<main class="table">
    <h1 class="hidden">Table of records</h1>
    <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
      <input type="search" placeholder="Search the texts" aria-label="Search the texts" value=${typed} onInput=${(event) => setTyped(event.target.value)} />
      <${Choice} name="Label" value=${filters.label} set=${set("label")} options=${[...project.labels, NONE]} />
      <${Choice} name="Given by" value=${filters.manual} set=${set("manual")} options=${[["yes", "a person"], ["no", "the committee"]]} />
      <${Choice} name="Votes of" value=${filters.heuristic} set=${set("heuristic")} options=${project.heuristics} />
      <${Choice} name="Labeled by" value=${filters.annotator || ""} set=${set("annotator")} options=${Object.keys(project.people)} />
      <${Choice} name="Confidence" value=${filters.below || ""} set=${set("below")} options=${["0.2", "0.5", "0.8"].map((limit) => [limit, `below ${limit}`])} />
      <${Choice} name="Order" value=${filters.sort} set=${set("sort")} options=${[["confidence", "least sure first"], ["label", "by label"], ["id", "by id"]]} every="as imported" />
      ${["wrong", "against", "selection"].filter((name) => filters[name]).map((name) => html`<button key=${name} class="chip" type="button" onClick=${() => setFilters({ ...filters, [name]: "" })} title="Take this filter away">
        ${name === "selection" ? "chosen on the map" : `${name === "wrong" ? "got wrong by" : "against"} ${plain(filters[name])}`} <span aria-hidden="true">×</span></button>`)}
      <label class="switch"><input type="checkbox" checked=${!!filters.conflict} onChange=${set("conflict")} /> Conflicts</label>
      <label class="switch"><input type="checkbox" checked=${!!filters.flagged} onChange=${set("flagged")} /> Flagged</label>
    </form>
    <div class=${`bulk ${project.labels.length > 10 ? "many" : ""}`}>
      <p role="status"><b>${total.toLocaleString("en")}</b> of ${counted(found?.records ?? project.records, "record")}${many ? html`, <b>${many.toLocaleString("en")}</b> chosen` : ""}${said ? ` · ${plain(said)}` : ""}</p>
      <span class="space"></span>
      ${!reader && project.labels.slice(0, 10).map((label) => html`<button key=${label} class=${`give c${color(label)}`} onClick=${() => give(label)} title=${many ? `Label what is chosen` : "Label the row with the cursor"}>
        <i class="dot"></i>${plain(label)}${!settings.off && (keysOfLabels.get(label) || []).slice(0, 1).map((key) => html`<kbd key=${key}>${key}</kbd>`)}</button>`)}
      ${!reader && project.labels.length > 10 && html`<select aria-label="Give a label" value="" onChange=${(event) => { const label = event.target.value; event.target.value = ""; if (label) give(label); }}>
        <option value="">all ${project.labels.length} labels</option>${project.labels.map((label) => html`<option key=${label} value=${label}>${plain(label)}</option>`)}</select>`}
      ${!reader && many > 0 && html`<button class="plain" onClick=${() => open("rules", everything ? { filters, total } : { ids: [...chosen] })}>Make a rule</button>`}
      ${!reader && html`<button class="plain" disabled=${!steps.length} onClick=${undo} title=${steps.length ? `take back ${steps.at(-1).said}` : ""}>Undo</button>`}
      ${!reader && html`<button class="plain" disabled=${!total} onClick=${() => { setEverything(!everything); setChosen(new Set()); }}>${everything ? "Choose none" : "Choose all"}</button>`}
      <${SaveLink} transport=${transport} path=${`records/download.csv?${query}`}>CSV</${SaveLink}>
      <${SaveLink} transport=${transport} path=${`records/download.parquet?${query}`}>Parquet</${SaveLink}>
    </div>
    ${problem && html`<p class="banner" role="alert">${plain(problem)}</p>`}
    <div class="row heads" aria-hidden="true"><span></span><span class="id">Record</span><span>Text</span><span>Label</span><span class="number">Confidence</span><span class="votes-of">Votes</span></div>
    <div class="grid" ref=${scroller} onScroll=${scrolled} onKeyDown=${press} tabindex="0" role="grid" aria-label="Records" aria-rowcount=${total}
        aria-multiselectable="true" aria-activedescendant=${total ? `row-${at}` : undefined}>
      <div class="tall" style=${{ height: `${Math.max(tall, high)}px` }} role="presentation">
        <div class="sight" role="rowgroup">${places.map((place) => html`<${Row} key=${place} place=${place} row=${row(place)} here=${place === at} chosen=${everything || chosen.has(row(place)?.id)} color=${color} click=${(event) => { setAt(place); if (event.target.closest(".pick")) toggle(place); }} />`)}
        ${found && !total && html`<p class="quiet none">No record fits.</p>`}</div>
      </div>
    </div>
    ${printing && places.length < total && html`<p class="on-paper">Rows ${(first + 1).toLocaleString("en")} to ${(first + places.length).toLocaleString("en")} of ${total.toLocaleString("en")}; a download has them all.</p>`}
    <p class="quiet foot">Arrows or <kbd>j</kbd> <kbd>k</kbd> move, <kbd>x</kbd> chooses, Shift and arrows choose several${reader ? "" : ", digits label, "}${reader ? "" : html`<kbd>u</kbd> takes the last step back`}.</p>
  </main>`;
}

function SaveLink({ transport, path, children }) {
  if (transport.save) return html`<button class="plain" onClick=${() => transport.save(path)}>${children}</button>`;
  return html`<a class="plain" href=${`api/${path}`} download>${children}</a>`;
}

function Choice({ name, value, set, options, every = "any" }) {
  return html`<label class="pick-one"><span>${name}</span><select value=${value} onChange=${set}>
    <option value="">${every}</option>
    ${options.map((option) => (Array.isArray(option) ? option : [option, option])).map(([key, said]) => html`<option key=${key} value=${key}>${plain(said)}</option>`)}
  </select></label>`;
}

function Row({ place, row, here, chosen, color, click }) {
  const shape = `row ${here ? "here" : ""} ${chosen ? "chosen" : ""}`;
  if (!row) return html`<div id=${`row-${place}`} role="row" aria-rowindex=${place + 1} class=${shape}><span role="gridcell" class="quiet">…</span></div>`;
  const against = row.votes.filter(([, label]) => label !== row.label).length;
  return html`<div id=${`row-${place}`} role="row" aria-rowindex=${place + 1} aria-selected=${chosen} class=${shape} onClick=${click}>
    <span role="gridcell" class="pick" aria-label=${chosen ? "chosen" : "not chosen"}>${chosen ? "✓" : ""}</span>
    <span role="gridcell" class="id quiet">${plain(row.id)}</span>
    <span role="gridcell" class="text" dir="auto">${plain(row.text.replace(/\s+/g, " "))}</span>
    <span role="gridcell" class="label">${row.label === null ? html`<span class="quiet">–</span>` : html`<i class=${`dot c${color(row.label)}`}></i><span class="name">${plain(row.label)}</span>`}</span>
    <span role="gridcell" class="number">${row.manual ? "manual" : percent(row.confidence)}</span>
    <span role="gridcell" class="votes-of quiet" title=${row.votes.map(([name, label]) => `${plain(name)}: ${plain(label)}`).join("\n")}>${counted(row.votes.length, "vote")}${against ? `, ${against} against` : ""}</span>
  </div>`;
}
