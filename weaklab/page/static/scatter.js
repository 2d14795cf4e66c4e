// Points on a canvas: drawn pixel by pixel into one image, which is fast without a graphics card, too. While the map is
// moving, the last whole image is shown where it is by then, and the next one is made a part in each frame.
//
// Places are numbers from 0 to 1, across and down. `kinds` says for each point which kind it is; a kind has a colour
// and a shape, and may be switched off: then its points are faint, and nobody can point at them or choose them.

import { shapeOf } from "./text.js";

const CELLS = 128; // the points are sorted into so many columns and rows of cells, to find the nearest one
const MOST_ZOOM = 100;
const NEAR = 10; // pixels
const STILL = 5; // pixels; a pointer that has moved less has clicked
const FRAME_MS = 8; // for the points in one frame while the map is moving
const REST_MS = 160;
const AT_ONCE = 2000; // points between two looks at the clock
const [OFF, REST, FRONT, MANUAL] = [1, 2, 4, 8]; // layers of points

/** The shape of a kind: how far a place is inside, in a square from -1 to 1. */
const INSIDE = [
  (x, y) => 1 - Math.hypot(x, y),
  (x, y) => 0.86 - Math.max(Math.abs(x), Math.abs(y)),
  (x, y) => Math.min(0.78 - y, (y + 1.15 - 1.9 * Math.abs(x)) / 2.15),
  (x, y) => (1.18 - Math.abs(x) - Math.abs(y)) / 1.41,
  (x, y) => Math.min(1.05 - Math.max(Math.abs(x), Math.abs(y)), 0.4 - Math.min(Math.abs(x), Math.abs(y))),
];
const OUTLINES = ["M0-1A1 1 0 1 1 0 1A1 1 0 1 1 0-1Z", "M-.86-.86H.86V.86H-.86Z", "M0-1.15L1.02.78H-1.02Z", "M0-1.18L1.18 0L0 1.18L-1.18 0Z", "M-.4-1.05H.4V-.4H1.05V.4H.4V1.05H-.4V.4H-1.05V-.4H-.4Z"];

export const outlineOf = (n) => OUTLINES[shapeOf(n)];

const inReach = (zoom) => Math.max(0.8, Math.min(MOST_ZOOM, zoom));

export class Scatter {
  /**
   * told: hover(point, x, y), click(point), choose(points, how), moved() and, while the wheel is for somebody else,
   * deaf(). A point is a number, -1 for none; `how` is "new", "add" or "take".
   */
  constructor(canvas, told) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.told = told;
    this.tool = "move";
    this.n = this.nChosen = 0;
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.whole = true; // nobody has moved the map yet
    this.pointers = new Map();
    this.path = null; // of a lasso or rectangle that is being drawn, in pixels
    this.at = -1; // the point that is pointed at
    this.marked = -1; // the point whose record is open
    this.colors = { card: 0, faint: 0, ink: 0, accent: "#000", kinds: [] };
    this.listen();
  }

  // ---- what is drawn

  setPlaces(places) {
    this.n = places.length / 2;
    this.across = new Float32Array(this.n);
    this.down = new Float32Array(this.n);
    for (let i = 0; i < this.n; i++) {
      this.across[i] = places[2 * i] / 65535;
      this.down[i] = 1 - places[2 * i + 1] / 65535;
    }
    this.kinds = new Uint8Array(this.n);
    this.manual = new Uint8Array(this.n);
    this.chosen = new Uint8Array(this.n);
    this.layers = this.drawing = this.picture = null;
    this.nChosen = 0;
    this.at = this.marked = -1;
    this.sort();
    this.fit();
  }

  /** on: for each kind whether its points are wanted. */
  setKinds(kinds, manual, on) {
    Object.assign(this, { kinds, manual, on, layers: null });
    this.redraw();
  }

  setColors(colors) {
    if (JSON.stringify(colors) === JSON.stringify(this.colors)) return;
    this.colors = colors;
    this.redraw();
  }

  setChosen(points, how = "new") {
    if (how === "new") this.chosen.fill(0);
    for (const i of points) this.chosen[i] = how === "take" ? 0 : 1;
    this.nChosen = this.chosen.reduce((sum, one) => sum + one, 0);
    this.layers = null;
    this.redraw();
  }

  isOn(i) {
    return !this.on || this.on[this.kinds[i]];
  }

  // ---- where things are

  /** Sort the points into cells. */
  sort() {
    const cell = (i) => Math.min(CELLS - 1, Math.floor(this.down[i] * CELLS)) * CELLS + Math.min(CELLS - 1, Math.floor(this.across[i] * CELLS));
    this.starts = new Int32Array(CELLS * CELLS + 1);
    for (let i = 0; i < this.n; i++) this.starts[cell(i) + 1]++;
    for (let c = 0; c < CELLS * CELLS; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice(0, -1);
    this.sorted = new Int32Array(this.n);
    for (let i = 0; i < this.n; i++) this.sorted[next[cell(i)]++] = i;
  }

  resize() {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const { clientWidth, clientHeight } = this.canvas;
    const [wide, high] = [Math.max(1, Math.round(clientWidth * ratio)), Math.max(1, Math.round(clientHeight * ratio))];
    if (wide === this.canvas.width && high === this.canvas.height && this.ratio === ratio) return;
    Object.assign(this.canvas, { width: wide, height: high });
    this.ratio = ratio;
    this.image = this.picture = null;
    if (this.whole) this.fit();
    this.redraw();
    this.paint(); // else it is white until the next frame
  }

  /** Pixels of the page for the whole map. */
  get size() {
    return Math.min(this.canvas.clientWidth, this.canvas.clientHeight) * 0.92 * this.view.zoom;
  }

  /** The place under a pixel of the page. */
  place(x, y) {
    const { clientWidth, clientHeight } = this.canvas;
    return [this.view.x + (x - clientWidth / 2) / this.size, this.view.y + (y - clientHeight / 2) / this.size];
  }

  pixel(i) {
    const { clientWidth, clientHeight } = this.canvas;
    return [clientWidth / 2 + (this.across[i] - this.view.x) * this.size, clientHeight / 2 + (this.down[i] - this.view.y) * this.size];
  }

  /** The places in sight: left, top, right, bottom. */
  get sight() {
    return [...this.place(0, 0), ...this.place(this.canvas.clientWidth, this.canvas.clientHeight)];
  }

  /** The nearest point to a pixel that is near enough, or -1. */
  nearest(x, y) {
    if (!this.n) return -1;
    const [across, down] = this.place(x, y);
    const reach = NEAR / this.size;
    let [found, best] = [-1, reach * reach];
    this.inCells(across - reach, down - reach, across + reach, down + reach, (i) => {
      const far = (this.across[i] - across) ** 2 + (this.down[i] - down) ** 2;
      if (far < best && this.isOn(i)) [found, best] = [i, far];
    });
    return found;
  }

  inCells(left, top, right, bottom, call) {
    const cell = (value) => Math.max(0, Math.min(CELLS - 1, Math.floor(value * CELLS)));
    for (let row = cell(top); row <= cell(bottom); row++) {
      const end = this.starts[row * CELLS + cell(right) + 1];
      for (let k = this.starts[row * CELLS + cell(left)]; k < end; k++) call(this.sorted[k]);
    }
  }

  /** The points in a rectangle that are on. */
  inRectangle(left, top, right, bottom) {
    const found = [];
    this.inCells(left, top, right, bottom, (i) => {
      if (this.across[i] >= left && this.across[i] <= right && this.down[i] >= top && this.down[i] <= bottom && this.isOn(i)) found.push(i);
    });
    return found;
  }

  /** The points inside a polygon of places that are on. */
  inPolygon(polygon) {
    const xs = polygon.map(([x]) => x);
    const ys = polygon.map(([, y]) => y);
    return this.inRectangle(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)).filter((i) => {
      const [x, y] = [this.across[i], this.down[i]];
      let inside = false;
      for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
        if (ys[a] > y !== ys[b] > y && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a]) inside = !inside;
      }
      return inside;
    });
  }

  /** The points in sight, those in the middle first. */
  fromTheMiddle(most) {
    const far = (i) => (this.across[i] - this.view.x) ** 2 + (this.down[i] - this.view.y) ** 2;
    return this.inRectangle(...this.sight).sort((a, b) => far(a) - far(b)).slice(0, most);
  }

  // ---- moving

  look(x, y, zoom) {
    const inside = (value) => Math.max(-0.1, Math.min(1.1, value));
    this.view = { x: inside(x), y: inside(y), zoom: inReach(zoom) };
    this.whole = false;
    this.moving = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), REST_MS);
    this.stale = true;
    this.repaint();
    this.told.moved();
  }

  /** Nothing moves any more: what is left to draw is drawn at once. */
  rest() {
    this.moving = false;
    if (this.stale) this.drawing = null; // of where the map was
    this.repaint();
  }

  /** Show all points, as large as there is room. */
  fit() {
    const ends = (values) => (this.n ? values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [1, 0]) : [0, 1]);
    const [[left, right], [top, bottom]] = [ends(this.across), ends(this.down)];
    const { clientWidth, clientHeight } = this.canvas;
    const least = Math.min(clientWidth, clientHeight);
    const zoom = Math.min(clientWidth / Math.max(0.1, right - left), clientHeight / Math.max(0.1, bottom - top)) / Math.max(1, least);
    this.look((left + right) / 2, (top + bottom) / 2, Math.min(4, zoom));
    this.whole = true;
  }

  pan(x, y) {
    this.look(this.view.x - x / this.size, this.view.y - y / this.size, this.view.zoom);
  }

  /** Zoom, so that what is under a pixel stays there; by default the middle. */
  zoomBy(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const [across, down] = this.place(x, y);
    const zoom = inReach(this.view.zoom * factor);
    const change = this.view.zoom / zoom;
    this.look(across + (this.view.x - across) * change, down + (this.view.y - down) * change, zoom);
  }

  // ---- drawing

  redraw() {
    this.drawing = null;
    this.stale = true;
    this.repaint();
  }

  repaint() {
    this.frame ??= requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    if (this.stopped || !this.ratio) return;
    const until = this.moving && this.picture ? performance.now() + FRAME_MS : Infinity;
    if (this.stale && !this.drawing) this.begin();
    if (this.drawing && this.goOn(until)) this.finish();
    this.show();
    this.drawAbove();
    if (this.drawing || this.stale) this.repaint();
  }

  /** Show the last image as it stands in the view of now. */
  show() {
    const { context, picture, canvas, ratio } = this;
    const { view, size, margin } = this.pictured;
    const scale = this.size / size;
    const left = canvas.width / 2 + (view.x - this.view.x) * this.size * ratio - (canvas.width / 2 + margin) * scale;
    const top = canvas.height / 2 + (view.y - this.view.y) * this.size * ratio - (canvas.height / 2 + margin) * scale;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.imageSmoothingEnabled = false;
    const whole = scale === 1 && left <= 0 && top <= 0 && left + picture.width >= canvas.width && top + picture.height >= canvas.height;
    if (!whole) {
      context.fillStyle = `#${[0, 8, 16].map((bits) => ((this.colors.card >> bits) & 255).toString(16).padStart(2, "0")).join("")}`;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    context.drawImage(picture, Math.round(left), Math.round(top), Math.round(picture.width * scale), Math.round(picture.height * scale));
  }

  /** Pixels of the page from the middle of a point to its edge: the fewer there are, the larger. */
  get radius() {
    const { clientWidth, clientHeight } = this.canvas;
    const room = (clientWidth * clientHeight * this.view.zoom ** 2) / Math.max(1, this.n);
    return Math.max(1.2, Math.min(5.5, 0.2 * Math.sqrt(room)));
  }

  /** Begin an image of the view of now. */
  begin() {
    this.stale = false;
    const radius = Math.max(1, Math.round(2 * this.radius * this.ratio) / 2);
    const margin = Math.ceil(radius + 3 * this.ratio);
    const [wide, high] = [this.canvas.width + 2 * margin, this.canvas.height + 2 * margin];
    if (!this.image || this.image.width !== wide || this.image.height !== high) {
      this.image = this.context.createImageData(wide, high);
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.sprites = new Map();
    }
    this.pixels.fill(this.colors.card);
    this.drawing = { view: this.view, size: this.size, margin, radius, passes: [], at: 0 };
    if (!this.n || !this.colors.kinds.length) return;
    const solid = this.n > 3000 ? 0.72 : 0.88;
    this.layers ??= this.sortIntoLayers();
    const pass = (opacity, layer, how) => this.drawing.passes.push({ opacity, layer, how });
    if (this.on?.includes(0)) pass(0.5, OFF, "faint");
    if (this.nChosen) pass(0.22, REST, "kind");
    pass(this.nChosen ? 1 : solid, FRONT, "kind");
    if (this.nManual) pass(1, MANUAL, "ring");
  }

  /** Draw more points of the image until a moment; return whether it is whole. */
  goOn(until) {
    const { drawing } = this;
    while (drawing.passes.length) {
      const end = Math.min(this.n, drawing.at + AT_ONCE);
      this.stamp(drawing, drawing.passes[0], end);
      drawing.at = end < this.n ? end : 0;
      if (!drawing.at) drawing.passes.shift();
      if (performance.now() > until) break;
    }
    return !drawing.passes.length;
  }

  /** Take over the image that is whole. */
  finish() {
    const { image, drawing } = this;
    if (this.picture?.width !== image.width || this.picture.height !== image.height) this.picture = new OffscreenCanvas(image.width, image.height);
    this.picture.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
    this.pictured = drawing;
    this.drawing = null;
  }

  /** For each point the layers in which it is drawn, as bits. */
  sortIntoLayers() {
    const { kinds, chosen, manual, on, nChosen } = this;
    this.nManual = 0;
    return Uint8Array.from(kinds, (kind, i) => {
      if (on && !on[kind]) return OFF;
      this.nManual += manual[i];
      return (nChosen && !chosen[i] ? REST : FRONT) | (manual[i] && MANUAL);
    });
  }

  /** Draw the points of a layer, from the one that it is the turn of: each as its kind says, or faint, or as a ring. */
  stamp({ view, size, margin, radius, at }, { opacity, layer, how }, end) {
    const { across, down, kinds, pixels, layers } = this;
    const scale = size * this.ratio;
    const wide = this.image.width;
    const left = this.canvas.width / 2 - view.x * scale + margin + 0.5;
    const top = this.canvas.height / 2 - view.y * scale + margin + 0.5;
    const [right, bottom] = [wide - margin, this.image.height - margin];
    const colors = this.colors.kinds.map((color) => (how === "kind" ? color : how === "ring" ? this.colors.ink : this.colors.faint));
    const sprites = colors.map((_, kind) => this.sprite(how === "ring" ? how : how === "kind" ? shapeOf(kind) : 0, radius, opacity));
    for (let i = at; i < end; i++) {
      if (!(layers[i] & layer)) continue;
      const x = left + across[i] * scale;
      const y = top + down[i] * scale;
      if (x < margin || x >= right || y < margin || y >= bottom) continue;
      const kind = kinds[i];
      const sprite = sprites[kind];
      const offsets = sprite.offsets;
      const cover = sprite.cover;
      const color = colors[kind];
      const redBlue = color & 0xff00ff;
      const green = color & 0xff00;
      const middle = (y | 0) * wide + (x | 0);
      for (let k = 0; k < offsets.length; k++) {
        const to = middle + offsets[k];
        const part = cover[k];
        const below = pixels[to];
        pixels[to] =
          0xff000000 |
          (((Math.imul(below & 0xff00ff, 256 - part) + Math.imul(redBlue, part)) >>> 8) & 0xff00ff) |
          (((Math.imul(below & 0xff00, 256 - part) + Math.imul(green, part)) >>> 8) & 0xff00);
      }
    }
  }

  /** A shape as pixels around a point: how far each is from it in the image, and how much of it is covered, of 256. */
  sprite(shape, radius, opacity) {
    const name = `${shape} ${radius} ${opacity}`;
    if (this.sprites.has(name)) return this.sprites.get(name);
    const reach = Math.ceil(radius + 2.5 * this.ratio);
    const inside = shape === "ring"
      ? (x, y) => 0.7 * this.ratio - Math.abs(Math.hypot(x, y) - radius - 1.2 * this.ratio)
      : (x, y) => INSIDE[shape](x / radius, y / radius);
    const [offsets, cover] = [[], []];
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        let hits = 0;
        for (let a = 0; a < 4; a++) for (let b = 0; b < 4; b++) hits += inside(x + (a - 1.5) / 4, y + (b - 1.5) / 4) >= 0;
        if (!hits) continue;
        offsets.push(y * this.image.width + x);
        cover.push(Math.round(16 * hits * opacity));
      }
    }
    const made = { offsets: Int32Array.from(offsets), cover: Int32Array.from(cover) };
    this.sprites.set(name, made);
    return made;
  }

  /** What is above the points: the one that is pointed at, and a lasso. */
  drawAbove() {
    const { context, ratio } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.strokeStyle = context.fillStyle = this.colors.accent;
    for (const [i, thick] of [[this.marked, 2.5], [this.at, 1.75]]) {
      if (i < 0) continue;
      context.lineWidth = thick;
      context.beginPath();
      context.arc(...this.pixel(i), this.radius + 4, 0, 7);
      context.stroke();
    }
    if (this.path?.length > 1) {
      context.lineWidth = 1.75;
      context.setLineDash([5, 4]);
      context.beginPath();
      for (const [x, y] of this.outline()) context.lineTo(x, y);
      context.closePath();
      context.stroke();
      context.globalAlpha = 0.08;
      context.fill("evenodd");
      context.globalAlpha = 1;
      context.setLineDash([]);
    }
  }

  outline() {
    if (this.kind === "lasso") return this.path;
    const [[left, top], [right, bottom]] = [this.path[0], this.path.at(-1)];
    return [[left, top], [right, top], [right, bottom], [left, bottom]];
  }

  // ---- pointers

  listen() {
    const { canvas } = this;
    const on = (kind, call) => canvas.addEventListener(kind, call, { passive: false });
    on("wheel", (event) => {
      if (this.told.deaf?.()) return;
      event.preventDefault();
      const lines = event.deltaMode ? 20 : 1;
      this.zoomBy(Math.exp(-Math.max(-200, Math.min(200, event.deltaY * lines)) * (event.ctrlKey ? 0.01 : 0.002)), event.offsetX, event.offsetY);
    });
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.drag(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", (event) => this.cancel(event));
    on("pointerleave", () => this.point(-1));
  }

  press(event) {
    if (event.button > 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.travelled = this.pointers.size > 1 ? Infinity : 0;
    this.how = event.altKey ? "take" : event.shiftKey ? "add" : "new";
    this.kind = this.tool === "rectangle" ? "rectangle" : this.tool === "lasso" || this.how !== "new" ? "lasso" : "";
    this.path = this.pointers.size > 1 || !this.kind ? null : [[event.offsetX, event.offsetY]];
    this.repaint();
  }

  drag(event) {
    const { offsetX: x, offsetY: y } = event;
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") this.point(this.nearest(x, y), x, y);
      return;
    }
    this.travelled += Math.hypot(x - before[0], y - before[1]);
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const apart = (place) => Math.max(1, Math.hypot(place[0] - other[0], place[1] - other[1]));
      this.pan((x - before[0]) / 2, (y - before[1]) / 2);
      this.zoomBy(apart([x, y]) / apart(before), (x + other[0]) / 2, (y + other[1]) / 2);
    } else if (this.path) {
      const last = this.path.at(-1);
      if (Math.hypot(x - last[0], y - last[1]) > 2) this.path.push([x, y]);
      this.repaint();
    } else if (this.travelled > STILL) {
      this.point(-1);
      this.pan(x - before[0], y - before[1]);
    }
    this.pointers.set(event.pointerId, [x, y]);
  }

  release(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const outline = this.path && this.path.length > 1 && this.travelled > STILL ? this.outline() : null;
    this.path = null;
    this.repaint();
    if (outline) this.told.choose(this.inPolygon(outline.map(([x, y]) => this.place(x, y))), this.how);
    else if (this.travelled <= STILL) this.told.click(this.nearest(event.offsetX, event.offsetY));
  }

  cancel(event) {
    this.pointers.delete(event.pointerId);
    this.path = null;
    this.repaint();
  }

  point(i, x, y) {
    if (i === this.at) return;
    this.at = i;
    this.canvas.classList.toggle("pointing", i >= 0);
    this.repaint();
    this.told.hover(i, x, y);
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.resting);
    cancelAnimationFrame(this.frame);
  }
}
