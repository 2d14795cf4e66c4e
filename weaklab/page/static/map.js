// The map: similar records are near each other; what is chosen on it is labeled, shown in the table or made a rule.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { actionKeys, checkedSettings, labelKeys } from "./keys.js";
import { Opinion, Record } from "./record.js";
import { Scatter, outlineOf } from "./scatter.js";
import { counted, percent, plain } from "./text.js";

const EVERY_MS = 4000;
const MAKING_MS = 700;
const HOVER_MS = 50;
const KEEP = 300; // records
const MOST_STEPS = 500; // points that j and k go through
const NONE = 255;
const STEPS = 5; // of confidence
const MANY = 14; // kinds that are in sight in the legend
const TOOLS = [["move", "Move", "m"], ["lasso", "Lasso", "l"], ["rectangle", "Rectangle", "r"]];

/** What the points show: kinds with name, class of the colour and number of the shape, and the kind of a value. */
function kindsOf(by, facts, color) {
  if (by === "confidence") {
    const kinds = Array.from({ length: STEPS }, (_, i) => ({ name: `${percent(i / STEPS)} to ${percent((i + 1) / STEPS)}`, shape: `q${i}`, n: 0 }));
    return [kinds, (value) => Math.min(STEPS - 1, Math.floor((value / 255) * STEPS))];
  }
  if (by === "conflict") {
    const kinds = [["no vote", "cnone"], ["votes agree", "c0"], ["conflict", "c1"]].map(([name, shape]) => ({ name, shape, n: 0 }));
    return [kinds, (value) => value];
  }
  const none = { name: by === "label" ? "no label" : "no vote", shape: "cnone", n: 0, none: true };
  return [[...facts.labels.map((label, n) => ({ name: plain(label), shape: `c${color(label)}`, n })), none], (value) => (value === NONE ? facts.labels.length : value)];
}

export function MapView({ project, transport, color, work, open }) {
  const [facts, setFacts] = useState(null);
  const [making, setMaking] = useState(null);
  const [problem, setProblem] = useState("");
  const [by, setBy] = useState("label");
  const [only, setOnly] = useState(new Set()); // numbers of kinds; all where it is empty
  const [colored, setColored] = useState(null); // {by, kinds, counts, of: kind of each point, manual}
  const [nChosen, setNChosen] = useState(0);
  const [tool, setTool] = useState("move");
  const [hover, setHover] = useState(null);
  const [opened, setOpened] = useState(null);
  const [steps, setSteps] = useState([]);
  const [said, setSaid] = useState("");
  const [seen, setSeen] = useState(0); // how often what is in sight has changed
  const canvas = useRef();
  const legend = useRef();
  const scatter = useRef();
  const held = useRef({ records: new Map(), turn: 0 }).current;
  const reader = project.role === "read";

  // ---- what the server knows

  const look = async () => {
    const turn = ++held.turn;
    try {
      const now = await transport.ask("map");
      if (turn !== held.turn) return;
      setMaking(now.making === undefined ? null : now);
      if (now.making === undefined) await draw(now, turn);
      setProblem("");
      return now;
    } catch (error) {
      if (turn === held.turn) setProblem(error.message);
    }
  };
  const draw = async (now, turn) => {
    if (held.map !== now.map) {
      const places = await transport.bytes(`map/places?map=${now.map}`);
      if (turn !== held.turn) return;
      scatter.current.setPlaces(new Uint16Array(places));
      Object.assign(held, { map: now.map, version: null, records: new Map() });
      setNChosen(0);
      setOpened(null);
      setHover(null);
    }
    const of = held.by;
    const version = `${now.version} ${of}`;
    if (held.version !== version) {
      const [what, name] = of.startsWith("votes:") ? ["votes", of.slice(6)] : [of, ""];
      const bytes = new Uint8Array(await transport.bytes(`map/values?map=${now.map}&version=${now.version}&${new URLSearchParams({ of: what, name })}`));
      if (turn !== held.turn) return;
      const n = bytes.length / 2;
      const [kinds, kindOf] = kindsOf(of, now, color);
      const points = bytes.subarray(0, n).map(kindOf);
      const counts = new Array(kinds.length).fill(0);
      for (const kind of points) counts[kind]++;
      if (held.version?.split(" ")[0] !== now.version) held.records = new Map(); // what was read may have changed
      held.version = version;
      setColored({ by: of, kinds, counts, of: points, manual: bytes.subarray(n) });
      setFacts(now);
    }
  };
  held.by = by;
  held.look = look;
  useEffect(() => {
    let timer;
    const again = async () => {
      const now = document.hidden ? null : await held.look();
      timer = setTimeout(again, now?.making === undefined ? EVERY_MS : MAKING_MS);
    };
    again();
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (facts) look();
  }, [by]);

  const record = async (at) => {
    if (!held.records.has(at)) {
      const asked = transport.ask(`map/record?map=${held.map}&at=${at}`);
      held.records.set(at, asked);
      if (held.records.size > KEEP) held.records.delete(held.records.keys().next().value);
      asked.catch(() => held.records.delete(at));
    }
    return held.records.get(at);
  };

  // ---- the picture

  const show = async (at, x, y, wait) => {
    clearTimeout(held.timer);
    if (at < 0) return setHover(null);
    held.timer = setTimeout(async () => {
      const found = await record(at).catch(() => null);
      if (found && scatter.current?.at === at) setHover({ x, y, record: found, read: !wait });
    }, wait);
  };
  const openAt = async (at) => {
    scatter.current.marked = at;
    scatter.current.repaint();
    clearTimeout(held.timer);
    setHover(null);
    if (at < 0) return setOpened(null);
    const found = await record(at).catch((error) => setSaid(error.message));
    if (found && scatter.current?.marked === at) setOpened({ at, record: found });
  };
  const choose = (points, how) => {
    scatter.current.setChosen(points, how);
    setNChosen(scatter.current.nChosen);
    setSaid(points.length ? "" : "no point there");
  };
  held.told = { hover: (at, x, y) => show(at, x, y, HOVER_MS), click: openAt, choose, moved: () => moved() };
  const moved = () => {
    setHover(null);
    held.middle = null;
    clearTimeout(held.still);
    held.still = setTimeout(() => setSeen((n) => n + 1), 200);
  };
  useLayoutEffect(() => {
    const told = Object.fromEntries(["hover", "click", "choose", "moved"].map((name) => [name, (...given) => held.told[name](...given)]));
    const made = new Scatter(canvas.current, { ...told, deaf: () => !(transport.focused?.() ?? true) });
    scatter.current = made;
    const size = new ResizeObserver(() => made.resize());
    size.observe(canvas.current);
    const system = matchMedia("(prefers-color-scheme: dark)");
    const theme = () => requestAnimationFrame(() => setSeen((n) => n + 1));
    system.addEventListener("change", theme);
    const paper = matchMedia("print");
    const print = () => { // what is on the canvas has the colours of the screen
      made.setColors(paints(canvas.current, legend.current));
      made.paint();
    };
    paper.addEventListener("change", print);
    return () => {
      made.stop();
      size.disconnect();
      system.removeEventListener("change", theme);
      paper.removeEventListener("change", print);
      clearTimeout(held.timer);
      clearTimeout(held.still);
      held.turn = -1e9; // what is on its way is for nobody
    };
  }, []);
  useLayoutEffect(() => {
    scatter.current.tool = tool;
  }, [tool]);
  useLayoutEffect(() => {
    if (colored) scatter.current.setKinds(colored.of, colored.manual, only.size ? colored.kinds.map((_, i) => (only.has(i) ? 1 : 0)) : null);
  }, [colored, only]);
  useLayoutEffect(() => {
    scatter.current.setColors(paints(canvas.current, legend.current)); // the theme may have changed
  });

  // ---- what a person does with the chosen points

  const selection = async () => (await transport.ask("map/selections", { map: held.map, chosen: bits(scatter.current.chosen) })).selection;
  const tried = (call) => async (...given) => {
    try {
      await call(...given);
    } catch (error) {
      setSaid(error.message);
    }
  };
  const give = tried(async (label) => {
    if (!nChosen && !opened) return setSaid("choose points with the lasso first");
    const before = nChosen ? scatter.current.chosen.slice() : null;
    const body = nChosen ? { filters: { selection: await selection() } } : { records: [opened.record.id] };
    const done = await transport.ask("records/label", { annotator: work.annotator, label, ...body });
    setSteps([...steps, { step: done.step, map: held.map, chosen: before, said: `${counted(done.labeled, "record")}: ${plain(label)}` }]);
    if (nChosen) choose([], "new");
    setSaid(`${counted(done.labeled, "record")} labeled ${plain(label)}`);
    await after();
  });
  const undo = tried(async () => {
    const last = steps.at(-1);
    if (!last) return setSaid("nothing to undo here");
    setSteps(steps.slice(0, -1));
    const done = await transport.ask("records/undo", { step: last.step });
    if (last.chosen && last.map === held.map) choose(placesOf(last.chosen), "new");
    setSaid(`${counted(done.undone, "label")} taken back`);
    await after();
  });
  const after = async () => {
    await look();
    if (opened) await openAt(opened.at);
  };
  const toTable = tried(async () => open("table", { selection: await selection() }));
  const toRules = tried(async () => open("rules", { filters: { selection: await selection() }, total: nChosen }));

  // ---- keys

  const settings = checkedSettings(transport.browser.get("keys"));
  const keysOfLabels = labelKeys(project.labels.slice(0, 10), {}, actionKeys(settings).byAction);
  const digits = new Map([...keysOfLabels].flatMap(([label, keys]) => keys.slice(0, 1).map((key) => [key, label])));
  const step = (by) => {
    const made = scatter.current;
    held.middle ??= made.fromTheMiddle(MOST_STEPS);
    if (!held.middle.length) return;
    const at = held.middle.indexOf(made.at);
    const next = held.middle[(at + by + held.middle.length) % held.middle.length];
    made.at = next;
    made.repaint();
    show(next, ...made.pixel(next), 0);
  };
  const actions = {
    ArrowLeft: () => scatter.current.pan(60, 0),
    ArrowRight: () => scatter.current.pan(-60, 0),
    ArrowUp: () => scatter.current.pan(0, 60),
    ArrowDown: () => scatter.current.pan(0, -60),
    "+": () => scatter.current.zoomBy(1.4),
    "=": () => scatter.current.zoomBy(1.4),
    "-": () => scatter.current.zoomBy(1 / 1.4),
    Home: () => scatter.current.fit(),
    j: () => step(1),
    k: () => step(-1),
    x: () => choose(scatter.current.inRectangle(...scatter.current.sight), "new"),
    Enter: () => scatter.current.at >= 0 && openAt(scatter.current.at),
    Escape: () => {
      scatter.current.path = null;
      if (opened) openAt(-1);
      else choose([], "new");
    },
    ...Object.fromEntries(TOOLS.map(([name, , key]) => [key, () => setTool(name)])),
  };
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    const { key } = event;
    if (settings.off && key.length === 1) return;
    if (key.startsWith("Arrow") || key === "Enter" || key === "Home") {
      if (!event.target.closest(".plot")) return;
      actions[key]();
    } else if (key in actions) actions[key]();
    else if (!reader && key === "u") undo();
    else if (!reader && digits.has(key)) give(digits.get(key));
    else return;
    event.preventDefault();
  };

  const toggle = (kind) => {
    const next = new Set(only);
    if (!next.delete(kind)) next.add(kind);
    setOnly(next.size === colored.kinds.length ? new Set() : next);
  };
  const busy = !colored && !problem;
  const sample = facts && facts.drawn < facts.records;
  const off = settings.off;
  return html`<main class="map" onKeyDown=${press}>
    <h1 class="hidden">Map of the records</h1>
    <div class="filters">
      <label class="pick-one"><span>Colour</span><select value=${by} onChange=${(event) => { setOnly(new Set()); setBy(event.target.value); }}>
        <option value="label">label</option><option value="confidence">confidence</option><option value="conflict">conflicts</option>
        ${(facts?.heuristics.length ?? 0) > 0 && html`<optgroup label="votes of">${facts.heuristics.map((name) => html`<option key=${name} value=${`votes:${name}`}>${plain(name)}</option>`)}</optgroup>`}
      </select></label>
      <div class="tools" role="group" aria-label="What dragging does">${TOOLS.map(([name, title, key]) => html`<button key=${name} class="tool" aria-pressed=${tool === name} onClick=${() => setTool(name)}>${title}${!off && html`<kbd>${key}</kbd>`}</button>`)}</div>
      <div class="tools" role="group" aria-label="Zoom">
        <button class="tool" aria-label="Zoom out" onClick=${actions["-"]}>−</button><button class="tool" aria-label="Zoom in" onClick=${actions["+"]}>+</button><button class="tool" onClick=${actions.Home}>Whole map</button>
      </div>
    </div>
    <div class=${`bulk ${project.labels.length > 10 ? "many" : ""}`}>
      <p role="status">${facts && html`<b>${facts.drawn.toLocaleString("en")}</b>${sample ? html` of ${facts.records.toLocaleString("en")} records, drawn at random` : facts.drawn === 1 ? " record" : " records"}`}${nChosen ? html`, <b>${nChosen.toLocaleString("en")}</b> chosen` : ""}${said ? ` · ${said}` : ""}</p>
      <span class="space"></span>
      ${!reader && project.labels.slice(0, 10).map((label) => html`<button key=${label} class=${`give c${color(label)}`} onClick=${() => give(label)} title=${nChosen ? "Label what is chosen" : "Label the open record"}>
        <i class="dot"></i>${plain(label)}${!off && (keysOfLabels.get(label) || []).slice(0, 1).map((key) => html`<kbd key=${key}>${key}</kbd>`)}</button>`)}
      ${!reader && project.labels.length > 10 && html`<select aria-label="Give a label" value="" onChange=${(event) => { const label = event.target.value; event.target.value = ""; if (label) give(label); }}>
        <option value="">all ${project.labels.length} labels</option>${project.labels.map((label) => html`<option key=${label} value=${label}>${plain(label)}</option>`)}</select>`}
      ${!reader && html`<button class="plain" disabled=${!steps.length} onClick=${undo} title=${steps.length ? `take back ${steps.at(-1).said}` : ""}>Undo</button>`}
      ${!reader && html`<button class="plain" disabled=${!nChosen} onClick=${toTable}>Open in the table</button>`}
      ${!reader && html`<button class="plain" disabled=${!nChosen} onClick=${toRules}>Make a rule</button>`}
      <button class="plain" disabled=${!nChosen} onClick=${() => choose([], "new")}>Choose none</button>
    </div>
    ${problem && html`<p class="banner" role="alert">${plain(problem)}</p>`}
    <div class="plane">
      <div class="plot" role="application" tabindex="0" aria-label=${`Map of ${counted(facts?.drawn ?? project.records, "record")}`} aria-describedby="map-keys">
        <canvas ref=${canvas} aria-hidden="true" class=${tool}></canvas>
        ${busy && html`<p class="waiting" role="status">${making ? html`Making the map of ${counted(making.making || project.records, "record")} …<small>${making.said ? `${making.said}.` : "Some seconds, once; you can go on labeling meanwhile."}</small>` : "Looking for the map …"}</p>`}
        ${facts?.drawn === 0 && html`<p class="waiting">There is no record.</p>`}
        ${hover && html`<${Tip} hover=${hover} canvas=${canvas.current} />`}
      </div>
      <aside>
        ${opened && html`<section class="found" aria-label="Record">
          <header><h2>${plain(opened.record.id)}</h2>${opened.record.manual && html`<span class="tag">by hand</span>`}<span class="space"></span><button class="plain" onClick=${() => openAt(-1)}>Close</button></header>
          <${Record} key=${opened.at} record=${opened.record} transport=${transport} color=${(name) => color(opened.record.votes.find((vote) => vote.heuristic === name)?.label)} />
          <${Opinion} record=${opened.record} labels=${project.labels} color=${color} setLit=${() => {}} />
        </section>`}
        <section aria-label="Legend">
          <h2>${{ label: "Label", confidence: "Confidence", conflict: "Votes" }[by] ?? "Vote"}${only.size > 0 && html`<button class="plain aside" onClick=${() => setOnly(new Set())}>Show all</button>`}</h2>
          <ul class="legend" ref=${legend}>${inOrder(colored).map(([kind, i]) => html`<li key=${kind.name} data-kind=${i} hidden=${kind.none && !colored.counts[i]}><button aria-pressed=${only.has(i)} class=${only.size && !only.has(i) ? "faint" : ""} onClick=${() => toggle(i)} title="Show these points alone">
            <svg class=${`mark ${kind.shape}`} viewBox="-1.3 -1.3 2.6 2.6" aria-hidden="true"><path d=${outlineOf(kind.n)} /></svg><span class="name">${kind.name}</span><span class="number">${colored.counts[i].toLocaleString("en")}</span></button></li>`)}</ul>
          <p class="quiet ringed"><svg viewBox="-1.3 -1.3 2.6 2.6" aria-hidden="true"><circle r="0.9" /></svg>labeled by hand</p>
        </section>
        ${colored && html`<${Regions} scatter=${scatter.current} colored=${colored} only=${only} nChosen=${nChosen} seen=${seen} choose=${choose} />`}
      </aside>
    </div>
    <p class="quiet foot" id="map-keys">${sample ? "A random part of the records is drawn; a choice holds these alone. " : ""}Shift and dragging draws a lasso. Arrows, <kbd>+</kbd> <kbd>-</kbd> move and zoom, <kbd>x</kbd> chooses all in sight, <kbd>j</kbd> <kbd>k</kbd> read records, <kbd>Enter</kbd> opens one${reader ? "" : html`, digits label, <kbd>u</kbd> takes back`}.</p>
  </main>`;
}

/** The kinds with their numbers; of very many, those with the most points first. */
function inOrder(colored) {
  const kinds = (colored?.kinds ?? []).map((kind, i) => [kind, i]);
  return kinds.length > MANY ? kinds.sort(([, a], [, b]) => colored.counts[b] - colored.counts[a]) : kinds;
}

/** The record that is pointed at; read aloud where the keys went to it. */
function Tip({ hover, canvas }) {
  const { record, x, y } = hover;
  const texts = record.fields.filter((field) => field.kind === "text").map((field) => field.text);
  const text = texts.join(" ") || record.fields.map((field) => `${field.name}: ${field.text ?? field.kind}`).join(", ");
  const side = x > canvas.clientWidth / 2 ? { right: `${canvas.clientWidth - x + 14}px` } : { left: `${x + 14}px` };
  const height = y > canvas.clientHeight / 2 ? { bottom: `${canvas.clientHeight - y + 10}px` } : { top: `${y + 10}px` };
  return html`<div class="tip" style=${{ ...side, ...height }} role=${hover.read ? "status" : undefined}>
    <p class="quiet">${plain(record.id)} · ${record.manual ? "by hand: " : ""}${record.suggestion === null ? "no label" : plain(record.suggestion)}${record.manual ? "" : `, confidence ${record.confidence.toFixed(2)}`}</p>
    <p dir="auto">${plain(text.slice(0, 240))}${text.length > 240 ? "…" : ""}</p></div>`;
}

/** The map in words: nine parts of what is in sight, and a rectangle by its sides. */
function Regions({ scatter, colored, only, nChosen, seen, choose }) {
  const [shown, setShown] = useState(false);
  const [rows, setRows] = useState([]);
  useEffect(() => {
    if (shown) setRows(regions(scatter, colored));
  }, [shown, colored, only, nChosen, seen]);
  const byHand = (event) => {
    event.preventDefault();
    const [left, right, bottom, top] = [...event.target.querySelectorAll("input")].map((field) => field.valueAsNumber / 100);
    choose(scatter.inRectangle(left, 1 - top, right, 1 - bottom), "new");
  };
  return html`<details class="regions" onToggle=${(event) => setShown(event.target.open)}><summary>The map in words</summary>
    <table><thead><tr><th scope="col">In sight</th><th scope="col">Records</th><td></td></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.name}><th scope="row">${row.name}</th>
      <td>${row.points.length.toLocaleString("en")}<small>${row.most.map(([kind, count]) => `${colored.kinds[kind].name} ${percent(count / row.points.length)}`).join(", ")}</small></td>
      <td><button class="plain" disabled=${!row.points.length} onClick=${() => choose(row.points, "new")} aria-label=${`Choose the ${counted(row.points.length, "record")} ${row.name}`}>Choose</button></td></tr>`)}</tbody></table>
    <form class="sides" onSubmit=${byHand}><p>A rectangle, in percent of the map:</p>
      ${[["from left", 0], ["to right", 50], ["from bottom", 0], ["to top", 50]].map(([name, value]) => html`<label key=${name}>${name}<input type="number" min="0" max="100" step="any" required defaultValue=${value} /></label>`)}
      <button class="give">Choose</button></form>
  </details>`;
}

function regions(scatter, colored) {
  const [left, top, right, bottom] = scatter.sight;
  const [wide, high] = [(right - left) / 3, (bottom - top) / 3];
  const ends = (i) => (i === 2 ? 1e-9 : -1e-9); // so that no point is in two parts
  return ["top", "middle", "bottom"].flatMap((row, i) =>
    ["left", "middle", "right"].map((column, j) => {
      const points = scatter.inRectangle(left + j * wide, top + i * high, left + (j + 1) * wide + ends(j), top + (i + 1) * high + ends(i));
      const counts = new Map();
      for (const at of points) counts.set(colored.of[at], (counts.get(colored.of[at]) || 0) + 1);
      const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3);
      return { name: row === column ? "middle" : `${row} ${column}`, points, most };
    }),
  );
}

/** The colours of the page as numbers: those of the kinds stand in the legend. */
function paints(canvas, legend) {
  const style = getComputedStyle(canvas);
  const kinds = [];
  for (const mark of legend.querySelectorAll(".mark")) kinds[mark.closest("li").dataset.kind] = paint(getComputedStyle(mark).color);
  return { card: paint(style.backgroundColor), faint: paint(style.borderTopColor), ink: paint(style.color), accent: style.outlineColor, kinds };
}

/** A computed colour as the number of a pixel: rgb(…), or color(srgb …) where it was mixed. */
function paint(text) {
  const parts = text.match(/[\d.]+(e-?\d+)?/g).slice(0, 3).map(Number);
  const [red, green, blue] = text.startsWith("color(") ? parts.map((part) => Math.round(255 * part)) : parts;
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** Flags as bits, the first one lowest, in base64. */
function bits(flags) {
  const bytes = new Uint8Array(Math.ceil(flags.length / 8));
  flags.forEach((flag, i) => {
    if (flag) bytes[i >> 3] |= 1 << (i & 7);
  });
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function placesOf(flags) {
  const found = [];
  flags.forEach((flag, i) => flag && found.push(i));
  return found;
}
