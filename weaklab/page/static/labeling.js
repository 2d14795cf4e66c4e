// The work of one person in one tab: the records ahead, and the answers on their way to the server.
//
// An answer is painted at once and put into the outbox. The outbox is sent in order, one request at a time, and again
// until the server says how far it came; each message has a number, so that nothing is stored twice. It is kept by the
// tab as well, and survives a reload.

const IDLE_MS = 2500;
const RETRY_MS = [250, 500, 1000, 1500];
const KEEP = 300;
const SOON_MS = 1000; // what is not stored by then is said to be on its way
const TAKES_AWAY = new Set(["answer", "skip", "requeue", "redo"]);

export class Labeling {
  constructor(transport, changed) {
    this.transport = transport;
    this.changed = changed;
    this.queue = []; // records, the first one is shown
    this.outbox = []; // messages without a reply
    this.history = []; // what this tab has done and can take back at once: {n, kind, value, record}
    this.undone = []; // what it took back last
    this.records = new Map(); // id -> record, the newest ones
    this.state = null;
    this.n = this.done = this.after = 0;
    this.failures = 0;
    this.connected = true;
    this.visible = false; // whether a person sees the record
    this.waiting = false; // for a record whose answer an earlier session gave
    this.blocked = ""; // why the project cannot store anything now
    this.notices = [];
    this.flagged = new Set();
    this.recent = [];
    this.shownAt = performance.now();
  }

  get current() {
    return this.queue[0];
  }

  /** For how many seconds a reply has not come. */
  get late() {
    return this.busy ? Math.floor((performance.now() - this.askedAt) / 1000) : 0;
  }

  // ---- begin and end

  async start(annotator) {
    const saved = this.transport.tab.get("work");
    const mine = saved && saved.annotator === annotator ? saved : null;
    this.annotator = annotator;
    if (mine) {
      Object.assign(this, { outbox: mine.outbox, n: mine.n, done: mine.done, after: mine.after, session: mine.session });
    }
    await this.begin();
    this.pump();
  }

  async begin() {
    const before = this.session
      ? { session: this.session, after: this.after, messages: this.outbox, done: this.done }
      : undefined;
    const found = await this.transport.ask("sessions", { annotator: this.annotator, before });
    this.session = found.session;
    this.done = found.done;
    this.outbox = this.outbox.filter((message) => message.n > found.done);
    this.n = this.outbox.length ? this.outbox.at(-1).n : found.done;
    this.waiting = this.outbox.some((message) => message.kind === "undo" && message.of === undefined);
    this.keep();
  }

  keep() {
    const { annotator, session, n, done, after, outbox } = this;
    this.transport.tab.put("work", { annotator, session, n, done, after, outbox });
  }

  stop() {
    clearTimeout(this.timer);
    clearInterval(this.clock);
    this.stopped = true;
  }

  // ---- what a person does; each returns whether it did something

  answer(value) {
    return this.take("answer", { value });
  }

  skip() {
    return this.take("skip", {});
  }

  requeue() {
    return this.take("requeue", {});
  }

  take(kind, more) {
    const record = this.current;
    if (!record || this.waiting) return false;
    const seconds = Math.round(performance.now() - this.shownAt) / 1000;
    const message = this.post({ kind, record: record.id, ...(kind === "requeue" ? {} : { seconds }), ...more });
    this.history.push({ ...message, shown: record });
    this.undone = [];
    this.queue.shift();
    this.recent.push(performance.now());
    this.show();
    return true;
  }

  undo() {
    if (this.waiting) return false;
    const last = this.history.pop();
    if (!last) {
      if (!this.state?.undo) return false;
      this.waiting = true;
      this.post({ kind: "undo" });
      this.changed();
      return true;
    }
    this.post({ kind: "undo", of: last.n, back: last.record });
    this.undone.push(last);
    this.queue = [last.shown, ...this.queue.filter((record) => record.id !== last.record)];
    this.show();
    return true;
  }

  redo() {
    const last = this.undone.pop();
    if (!last || this.waiting) return false;
    const message = this.post({ kind: "redo", record: last.record });
    this.history.push({ ...last, n: message.n });
    this.queue = this.queue.filter((record) => record.id !== last.record);
    this.show();
    return true;
  }

  note(text) {
    if (!this.current || !text.trim()) return false;
    this.post({ kind: "note", record: this.current.id, value: text });
    this.notice("note kept");
    return true;
  }

  flag() {
    const record = this.current;
    if (!record) return false;
    const flagged = !this.flagged.has(record.id);
    if (flagged) this.flagged.add(record.id);
    else this.flagged.delete(record.id);
    this.post({ kind: "flag", record: record.id, value: flagged });
    this.changed();
    return true;
  }

  // ---- the outbox

  post(message) {
    const numbered = { n: ++this.n, ...message };
    this.outbox.push(numbered);
    this.keep();
    queueMicrotask(() => this.pump());
    return numbered;
  }

  /** Exchange at once, and once more if an exchange is under way: somebody has labeled outside of this queue. */
  hurry() {
    this.again = this.busy;
    this.pump();
  }

  pump() {
    if (this.busy || this.stopped || !this.session) return;
    clearTimeout(this.timer);
    this.busy = true;
    this.askedAt = performance.now();
    clearInterval(this.clock);
    this.clock = setInterval(() => this.changed(), SOON_MS);
    this.exchange().then(
      () => this.well(),
      (error) => this.ill(error),
    );
  }

  async exchange() {
    const body = { messages: this.outbox.slice(0, 200), have: [...this.records.keys()], want: this.wanted() };
    const found = await this.transport.ask(`sessions/${this.session}`, body);
    this.after = found.event;
    this.done = found.done;
    this.outbox = this.outbox.filter((message) => message.n > found.done);
    this.keep();
    for (const record of found.records) this.records.set(record.id, record);
    this.refuse(found.refused);
    this.merge(found);
    this.state = found.state;
    this.project = found.project;
    this.prune();
    if (found.blocked) throw Object.assign(new Error(found.blocked), { status: 503 });
  }

  well() {
    this.busy = false;
    clearInterval(this.clock);
    this.failures = 0;
    this.connected = true;
    this.problem = this.blocked = "";
    this.changed();
    const hungry = this.queue.length < 3 && this.queue.length < this.wanted() && this.state.training.running;
    const again = this.again;
    this.again = false;
    if (this.outbox.length || again) this.pump();
    else this.timer = setTimeout(() => this.pump(), hungry ? 120 : IDLE_MS);
  }

  async ill(error) {
    if (this.stopped) return;
    clearInterval(this.clock);
    this.connected = error.status !== undefined;
    this.blocked = [409, 503].includes(error.status) ? error.message : "";
    this.problem = error.status && !this.blocked ? error.message : "";
    if (error.status === 410) {
      try {
        await this.begin();
        this.busy = false;
        this.connected = true;
        this.changed();
        this.pump();
        return;
      } catch {
        this.connected = false;
      }
    }
    this.lockedOut = error.status === 401 || error.status === 403;
    this.busy = false;
    const wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
    this.timer = setTimeout(() => this.pump(), wait);
    this.changed();
  }

  /** How many records to hold ready: what is answered in three seconds, at least a few. */
  wanted() {
    const now = performance.now();
    this.recent = this.recent.filter((at) => at > now - 3000);
    const base = this.n < 30 ? 20 : 6; // at first nobody knows how fast this person is
    return Math.min(80, base + this.recent.length);
  }

  refuse(refused) {
    for (const { n, why } of refused) {
      this.history = this.history.filter((one) => one.n !== n);
      this.notice(`not stored: ${why}`);
    }
  }

  /** Take over the server's queue. The record that is shown stays until the person has dealt with it, whoever labels it. */
  merge(found) {
    const gone = new Set();
    const back = new Set();
    for (const message of this.outbox) {
      if (TAKES_AWAY.has(message.kind)) {
        gone.add(message.record);
        back.delete(message.record);
      } else if (message.kind === "undo" && message.back !== undefined) {
        gone.delete(message.back);
        back.add(message.back);
      }
    }
    const before = this.current?.id;
    const theirs = found.queue.filter((id) => !gone.has(id)).map((id) => this.records.get(id));
    const stays = (record) => this.visible || back.has(record.id) || found.queue.includes(record.id);
    let first = this.current && !gone.has(this.current.id) && stays(this.current) ? [this.current] : [];
    if (this.waiting && found.undone.length) {
      this.waiting = false;
      const record = this.records.get(found.undone.at(-1).record);
      if (record) first = [record, ...first];
      else this.notice("nothing to undo");
    }
    const restored = this.queue.filter((record) => back.has(record.id));
    const seen = new Set();
    this.queue = [...first, ...restored, ...theirs].filter((record) => record && !seen.has(record.id) && seen.add(record.id));
    if (this.current?.id !== before) this.shownAt = performance.now();
  }

  prune() {
    const needed = new Set(this.queue.map((record) => record.id));
    for (const id of this.records.keys()) {
      if (this.records.size <= KEEP) break;
      if (!needed.has(id)) this.records.delete(id);
    }
  }

  // ---- telling

  show() {
    this.shownAt = performance.now();
    this.changed();
  }

  notice(text) {
    const one = { text };
    this.notices.push(one);
    this.changed();
    setTimeout(() => {
      this.notices = this.notices.filter((other) => other !== one);
      this.changed();
    }, 6000);
  }
}
