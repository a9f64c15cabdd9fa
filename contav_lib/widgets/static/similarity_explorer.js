// The similarity explorer: controls, panels of cosine similarities, and what lies behind the chosen cell.

const SHOWN = ["pair", "model", "old", "view", "average", "order", "positives"]; // traits that decide what the panels hold

class SimilarityExplorer {
  constructor(model, el) {
    this.model = model;
    this.numbers = new Similarities(model.get("_about"), model.get("_features"));
    const orders = model.get("_orders");
    this.orders = new Int32Array(orders.buffer.slice(orders.byteOffset, orders.byteOffset + orders.byteLength));
    this.clips = new Clips(model, this.numbers.rate, () => this.showDetail());
    this.build(el);
    this.listen(el);
    this.refresh();
  }

  /** The traits, with the old model's place worked out: null where there is none. */
  get state() {
    const state = Object.fromEntries([...SHOWN, "_cell"].map((name) => [name, this.model.get(name)]));
    const old = state.old < 0 ? state.model - 1 : state.old;
    return { ...state, old: old < 0 ? null : old };
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  // ---- building

  build(el) {
    this.showControls = [];
    const { numbers } = this;
    const pairs = numbers.modalities.flatMap((a) => numbers.modalities.filter((b) => b !== a).map((b) => [a, b]));
    const controls = make("div", { className: "controls" },
      this.taskSlider(),
      this.menu("old", "old model", [[-1, "the one before"], ...numbers.models.map((name, at) => [at, name])]),
      this.menu("pair", "rows × columns", pairs.map((pair) => [pair, pair.map((name) => numbers.called(name)).join(" × ")])),
      this.menu("view", "show", [["models", "old | new | difference"], ["rows", "rows of eq. 7 to 10"]]),
      this.menu("average", "cells", [[false, "single sources"], [true, "means of classes"]]),
      this.menu("order", "order", [["learned", "as learned"], ["clustered", "alike together"]]),
      this.menu("positives", "outline positives", [["none", "none"], ["video", "eq. 7: same video"], ["class", "eq. 9: same class"]]));
    this.panels = make("div", { className: "panels" });
    this.readout = make("div", { className: "readout" });
    this.scale = make("canvas", { width: 256, height: 1, role: "img", "aria-label": "Colours: purple is −1, neutral 0, orange 1" });
    this.tasks = make("span", { className: "tasks contav-note" }, ...numbers.tasks.map((labels, task) => {
      const patch = make("i", {});
      patch.style.background = TASK_COLOURS[task % TASK_COLOURS.length];
      return make("span", { title: labels.join(", ") }, patch, `task ${task + 1}`);
    }));
    this.detail = make("div", { className: "detail" });
    this.notice = make("div", { className: "contav-alarm", role: "status" });
    const legend = make("div", { className: "legend" }, this.tasks, make("span", { className: "scale contav-note" }, "−1", this.scale, "1"));
    this.root = make("div", { className: "contav similarity-explorer", onkeydown: keepKey },
      controls, this.panels, make("div", { className: "foot" }, this.readout, legend), this.detail, this.notice);
    el.append(this.root);
  }

  menu(name, title, options) {
    const menu = make("select", {}, ...options.map(([, text], at) => make("option", { value: at }, text)));
    menu.dataset.name = name;
    menu.onchange = () => this.set(name, options[menu.value][0]);
    const now = () => JSON.stringify(this.model.get(name));
    this.showControls.push(() => (menu.value = options.findIndex(([value]) => JSON.stringify(value) === now())));
    return make("label", {}, make("span", { className: "contav-note" }, title), menu);
  }

  taskSlider() {
    const { models, count } = this.numbers;
    const slider = makeSlider("new model", { min: 0, max: count - 1, step: 1 }, (value) => this.set("model", value));
    const where = make("span", {});
    this.showControls.push(() => {
      slider.value = this.model.get("model");
      where.textContent = models[slider.value];
      slider.setAttribute("aria-valuetext", models[slider.value]);
    });
    return make("label", { className: "slider" }, make("span", { className: "contav-note" }, "new model: ", where), slider);
  }

  listen(el) {
    for (const name of SHOWN) this.model.on(`change:${name}`, () => this.refreshSoon());
    this.model.on("change:_cell", () => this.showDetail());
    const gone = "The kernel does not answer, it is busy or gone: the numbers are all here, but sounds and frames can't be fetched.";
    this.unwatch = watchKernel(el, (alive) => (this.notice.textContent = alive ? "" : gone), this.model);
    this.unwatchTheme = watchTheme(() => this.paint());
    this.sizes = new ResizeObserver(() => this.paint());
    this.sizes.observe(this.panels);
  }

  dispose() {
    this.unwatch();
    this.unwatchTheme();
    this.sizes.disconnect();
    this.clips.stop();
  }

  // ---- what the panels hold

  refreshSoon() {
    cancelAnimationFrame(this.coming);
    this.coming = requestAnimationFrame(() => this.refresh());
  }

  refresh() {
    for (const show of this.showControls) show();
    const state = this.state;
    const { models } = this.numbers;
    const named = `new: ${models[state.model]}`;
    if (state.view === "rows") {
      const both = state.old !== null;
      const title = both ? `${named}, then once more old: ${models[state.old]}` : named;
      this.shown = [this.makePanel(state, "rows", title, both ? ["new", "old"] : ["new"])];
    } else if (state.old === null) {
      this.shown = [this.makePanel(state, "new", `${named} (there is no old model yet)`, ["new"])];
    } else {
      this.shown = [
        this.makePanel(state, "old", `old: ${models[state.old]}`, ["old"]),
        this.makePanel(state, "new", named, ["new"]),
        this.makePanel(state, "difference", "difference: new − old", ["new"], state.old),
      ];
    }
    const focused = this.panels.querySelector("canvas:focus")?.dataset.panel;
    this.panels.replaceChildren(...this.shown.map((panel) => panel.node));
    this.shown.find((panel) => panel.key === focused)?.canvas.focus();
    this.pointed = null;
    this.paint();
    this.showDetail();
  }

  makePanel(state, key, title, whose, less = null) {
    const { numbers } = this;
    const modelOf = (which) => (which === "old" ? state.old : state.model);
    const knows = (model, source) => numbers.known(model, source) && (less === null || numbers.known(less, source));
    let entries = whose.flatMap((which) => this.order(state).map((source) =>
      ({ which, model: modelOf(which), source, class: numbers.classes[source], known: knows(modelOf(which), source) })));
    if (key === "rows") entries = entries.filter((entry) => entry.known);
    let values = numbers.matrix(state.pair, entries, less);
    if (state.average) {
      const means = whose.flatMap((which) => numbers.labels.map((_, number) => ({ which, model: modelOf(which), class: number })));
      const groupOf = entries.map((entry) => means.findIndex((mean) => mean.which === entry.which && mean.class === entry.class));
      values = groupMeans(values, groupOf, means.length);
      entries = means.map((mean, at) => ({ ...mean, known: groupOf.some((group, k) => group === at && entries[k].known) }));
    }
    const rule = state.average || key === "difference" ? "none" : state.positives;
    const is = (i, j) => numbers.isPositive(rule, entries[i], entries[j]);
    const border = rule === "none" ? null : borderOf(entries.length, is);
    const grouped = state.average || state.order === "learned";
    const panel = new Panel({ key, title, entries, values, border, grouped }, numbers);
    const [a, b] = state.pair.map((name) => numbers.called(name));
    panel.canvas.setAttribute("aria-label", `${title}. Cosine similarity of ${a} (rows) and ${b} (columns), ${panel.size} by `
      + `${panel.size}. Arrow keys go from cell to cell, Enter plays.`);
    panel.canvas.onmousemove = (event) => this.point(panel, panel.cellAt(event));
    panel.canvas.onmouseleave = () => this.point(panel, null);
    panel.canvas.onclick = (event) => this.choose(panel, panel.cellAt(event));
    panel.canvas.onkeydown = (event) => this.onKey(panel, event);
    return panel;
  }

  order(state) {
    const { numbers } = this;
    if (state.order === "learned") return numbers.learned;
    const [a, b] = state.pair.map((name) => numbers.modalities.indexOf(name));
    const at = ((a * numbers.modalities.length + b) * numbers.count + state.model) * numbers.rows;
    return Array.from(this.orders.subarray(at, at + numbers.rows));
  }

  paint() {
    const room = this.panels.clientWidth;
    if (!room || !this.shown) return;
    const look = themeOf(this.root);
    // Side by side, with the rows' names at the first one, where that leaves each name its line; else fewer a line, all with names.
    const count = this.shown.length;
    const least = PITCH * Math.max(...this.shown.map((panel) => panel.runs((entry) => entry.class).length));
    const sideOf = (panels, named) => (room - named * LABELS) / panels - STRIP - GAP;
    const fits = sideOf(count, 1) >= least;
    const many = Math.max(1, Math.floor(room / (least + LABELS + STRIP + GAP)));
    const side = Math.floor(Math.max(100, Math.min(fits ? sideOf(count, 1) : sideOf(many, many), count > 1 ? 400 : 500)));
    this.shown.forEach((panel, at) => {
      panel.labelled = !fits || at === 0;
      panel.paint(side, look, this.marks(panel));
    });
    const context = this.scale.getContext("2d");
    const image = context.createImageData(256, 1);
    COLOURS[look.theme].forEach((colour, level) => image.data.set([...colour, 255], level * 4));
    context.putImageData(image, 0, 0);
  }

  // ---- pointing and choosing

  marks(panel) {
    const chosen = this.chosen(panel);
    return [...(this.pointed ? [[...this.pointed, 1]] : []), ...(chosen ? [[...chosen, 2]] : [])];
  }

  point(panel, cell) {
    this.pointed = cell;
    this.readout.replaceChildren(...(cell ? this.describe(panel, cell) : []));
    for (const each of this.shown) each.compose(this.marks(each));
  }

  nameOf(entry) {
    const { labels, sources } = this.numbers;
    const name = entry.source === undefined ? `${labels[entry.class]} (mean)` : sources[entry.source];
    return entry.which === "old" && this.model.get("view") === "rows" ? `${name}, old model` : name;
  }

  describe(panel, [i, j]) {
    const [a, b] = this.model.get("pair").map((name) => this.numbers.called(name));
    const values = this.shown.map((each) => {
      const value = decimals(each.values[i * each.size + j]);
      return this.shown.length > 1 ? `${each.key} ${value}` : value;
    });
    const [row, column] = [panel.entries[i], panel.entries[j]].map((entry) => this.nameOf(entry));
    return [`${a} of ${row} × ${b} of ${column}: `, make("b", {}, values.join(", "))];
  }

  /** Where the chosen cell stands in a panel, [i, j], or null. */
  chosen(panel) {
    const { _cell: cell, average } = this.state;
    if (!cell.row || cell.average !== average || (cell.panel === "rows") !== (panel.key === "rows")) return null;
    const at = [cell.row, cell.column].map(([which, number]) => panel.entries.findIndex((entry) =>
      (average ? entry.class : entry.source) === number && (panel.key !== "rows" || entry.which === which)));
    return at.includes(-1) ? null : at;
  }

  choose(panel, at) {
    if (!at) return;
    const { average } = this.state;
    const [row, column] = at.map((k) => [panel.entries[k].which, average ? panel.entries[k].class : panel.entries[k].source]);
    if (!average) this.clips.play([row[1], column[1]]);
    this.set("_cell", { panel: panel.key, average, row, column });
  }

  onKey(panel, event) {
    const move = ARROWS[event.key];
    const at = this.pointed ?? this.chosen(panel) ?? [0, 0];
    if (move) {
      this.point(panel, at.map((place, k) => Math.min(Math.max(place + move[k], 0), panel.size - 1)));
      panel.canvas.setAttribute("aria-description", this.readout.textContent);
    } else if (event.key === "Enter" || event.key === " ") this.choose(panel, at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  showDetail() {
    const { _cell: cell, positives, pair } = this.state;
    const panel = this.shown.find((one) => one.key === cell.panel) ?? this.shown.at(-1);
    const at = this.chosen(panel);
    for (const each of this.shown) each.compose(this.marks(each));
    if (!at) {
      const hint = this.state.average ? "Choose “single sources” to hear and see them." : "Click a cell: both sounds play, both frames appear.";
      this.detail.replaceChildren(make("div", { className: "contav-note" }, hint));
      return;
    }
    const [row, column] = at.map((k) => panel.entries[k]);
    const nodes = [];
    if (row.source !== undefined) {
      const play = (sources) => this.clips.play(sources);
      const [a, b] = pair.map((name) => this.numbers.called(name));
      const card = (role, entry) => clipCard(role, this.nameOf(entry), entry.source, this.clips.get(entry.source), play);
      const both = makeButton("▶ both", "Play both sounds, one after the other", () => play([row.source, column.source]));
      both.disabled = [row, column].every((entry) => isMute(this.clips.get(entry.source)));
      nodes.push(make("div", { className: "clips" }, make("div", { className: "value" }, ...this.describe(panel, at)),
        card(`row: ${a}`, row), card(`column: ${b}`, column), both));
      const hasLoss = panel.key !== "difference" && row.known;
      if (positives !== "none" && hasLoss) {
        nodes.push(lossTable(this.numbers, panel, at[0], positives, pair, (entry) => this.nameOf(entry)));
      } else {
        const why = row.known ? "Outline the positives of eq. 7 or eq. 9, and click in a panel of one model: the row's loss is worked out here."
          : "This model does not know the row's class yet: there is no loss to work out.";
        nodes.push(make("div", { className: "loss contav-note" }, why));
      }
    } else nodes.push(make("div", { className: "value" }, ...this.describe(panel, at)));
    this.detail.replaceChildren(...nodes);
  }
}

export default {
  render({ model, el }) {
    const explorer = new SimilarityExplorer(model, el);
    return () => explorer.dispose();
  },
};
