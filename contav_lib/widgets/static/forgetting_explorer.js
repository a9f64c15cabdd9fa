// The forgetting explorer: a card a method with its task matrix, a line a task, and the formulas in numbers.

const FORMULAS = [
  ["average", "average", "(1/T) Σⱼ R[T, j]"],
  ["forgetting", "forgetting", "1/(T−1) Σⱼ (max over i < T of R[i, j] − R[T, j])"],
  ["transfer", "backward transfer", "1/(T−1) Σⱼ (R[T, j] − R[j, j])"],
];

class ForgettingExplorer {
  constructor(model, el) {
    this.model = model;
    this.alive = true;
    this.build(el);
    this.refresh();
    for (const name of ["score", "_methods"]) model.on(`change:${name}`, () => this.refresh());
    for (const name of ["_cell", "_progress", "_notice"]) model.on(`change:${name}`, () => this.showChoice());
    this.unwatchTheme = watchTheme(() => this.refresh());
    this.arrival = new ResizeObserver(() => {
      this.arrival.disconnect();
      this.refresh(); // once on the page, the theme is known
    });
    this.arrival.observe(this.root);
    this.unwatchKernel = watchKernel(el, (alive) => {
      this.alive = alive;
      this.showChoice();
    }, model);
  }

  build(el) {
    this.menu = make("select", {}, ...Object.entries(this.model.get("_scores")).map(([value, text]) => make("option", { value }, text)));
    this.menu.onchange = () => this.set("score", this.menu.value);
    this.progress = make("span", { className: "progress contav-note", role: "status" });
    this.cards = make("div", { className: "cards" });
    this.choice = make("div", { className: "choice", role: "status" });
    this.notice = make("div", { className: "contav-alarm", role: "status" });
    this.tasks = make("div", { className: "contav-note" });
    this.root = make("div", { className: "contav forgetting-explorer", onkeydown: keepKey },
      make("div", { className: "controls" }, make("label", {}, "score ", this.menu), this.progress),
      this.cards, this.choice, this.notice, this.tasks);
    el.append(this.root);
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  dispose() {
    this.unwatchTheme();
    this.arrival.disconnect();
    this.unwatchKernel();
  }

  // ---- the cards

  refresh() {
    const methods = this.model.get("_methods");
    const score = this.model.get("score");
    this.menu.value = score;
    const matrices = methods.map((method) => method.matrix[score]);
    const range = limits(matrices);
    const { theme } = themeOf(this.root);
    const focus = document.activeElement?.dataset?.cell;
    this.cells = new Map(); // buttons by "method,learned,tested", a method by its place
    const cards = methods.map((method, m) => this.card(method, m, matrices[m], range, theme));
    const empty = "No rows yet: each task that is learned adds one. A result that is stored already makes none; "
      + "show it with explorer.add(\"its name\", result).";
    this.cards.replaceChildren(...(cards.length ? cards : [make("div", { className: "contav-note" }, empty)]));
    if (focus && this.root.isConnected) this.cells.get(focus)?.focus();
    const named = methods.find((method) => method.tasks.length)?.tasks ?? [];
    this.tasks.replaceChildren(...named.map((labels, task) => make("div", {}, `Task ${task + 1}: ${labels.join(", ")}`)));
    this.showChoice();
  }

  card(method, m, matrix, range, theme) {
    const limit = Math.max(...range.map(Math.abs));
    const scoreName = this.model.get("_scores")[this.model.get("score")];
    const count = matrix.length;
    const numbers = matrix.map((_, j) => make("th", { scope: "col" }, String(j + 1)));
    const rows = matrix.map((row, i) => make("tr", {}, make("th", { scope: "row" }, String(i + 1)),
      ...row.map((value, j) => make("td", {}, ...(value === null ? [] : [this.cell(method, m, i, j, value / limit, theme, value)])))));
    const table = make("table", { className: "matrix" },
      make("caption", {}, method.name),
      make("thead", {}, make("tr", {}, make("td", {}), make("th", { colSpan: count, className: "axis", scope: "colgroup" }, `${scoreName} in dB, tested on task`)),
        make("tr", {}, make("th", { scope: "col", className: "axis" }, "after task"), ...numbers)),
      make("tbody", {}, ...rows));
    table.onkeydown = (event) => this.onKey(event, m);
    const card = make("section", { className: "card", "aria-label": method.name },
      table, lineChart(matrix, range, `${method.name}: ${scoreName}`), this.formulas(m, matrix));
    card.style.flexBasis = `${Math.max(300, 44 * (count + 1))}px`;
    card.style.maxWidth = `${Math.max(420, 60 * (count + 1))}px`;
    return card;
  }

  cell(method, m, i, j, level, theme, value) {
    const [r, g, b] = COLOURS[theme][Math.round((level + 1) * 127.5)];
    const name = `${method.name}, after task ${i + 1}, on task ${j + 1}: ${decimals(value, 2)} dB`;
    const button = make("button", { type: "button", "aria-label": name, title: name, onclick: () => this.choose(method, m, i, j) }, decimals(value, 1));
    button.dataset.cell = `${m},${i},${j}`;
    button.dataset.value = value;
    button.style.background = `rgb(${r}, ${g}, ${b})`;
    button.style.color = inkOn([r, g, b]);
    button.tabIndex = i === 0 && j === 0 ? 0 : -1; // one stop for the Tab key a matrix; arrows go on from there
    this.cells.set(button.dataset.cell, button);
    return button;
  }

  formulas(m, matrix) {
    const worked = measures(matrix);
    if (!worked) return make("div", { className: "contav-note" }, "Nothing is measured yet.");
    const list = FORMULAS.map(([key, title, formula]) => {
      const { parts, cells, count, value } = worked[key];
      const operand = (number) => (number < 0 ? `(${decimals(number, 2)})` : decimals(number, 2));
      // Spaces that don't break: a difference stays on one line.
      const term = ([a, b]) => (b === undefined ? operand(a) : `(${decimals(a, 2)}\u00a0−\u00a0${operand(b)})`);
      const sum = parts.map(term).join(" + ");
      const filled = count ? `= (${sum}) / ${count}` : "= 0, as there is no old task yet";
      const result = make("b", {}, decimals(value, 2));
      result.dataset.measure = key;
      result.dataset.value = value;
      const line = make("div", { className: "formula", tabIndex: 0 },
        make("div", {}, make("span", { className: "title" }, title), " ", result, " dB"),
        make("div", { className: "contav-note" }, `${formula} ${filled}`));
      const show = (on) => cells.forEach(([i, j]) => this.cells.get(`${m},${i},${j}`)?.classList.toggle("used", on));
      for (const [event, on] of [["mouseenter", true], ["focus", true], ["mouseleave", false], ["blur", false]]) {
        line.addEventListener(event, () => show(on));
      }
      return line;
    });
    return make("div", { className: "formulas" }, ...list);
  }

  // ---- choosing

  choose(method, m, i, j) {
    this.set("_cell", { method: method.name, learned: i, tested: j });
    for (const [key, button] of this.cells) if (key.startsWith(`${m},`)) button.tabIndex = key === `${m},${i},${j}` ? 0 : -1;
    this.showChoice();
  }

  onKey(event, m) {
    const move = ARROWS[event.key];
    const at = event.target.dataset.cell?.split(",").map(Number);
    if (!move || !at) return;
    event.preventDefault();
    event.stopPropagation();
    this.cells.get(`${m},${at[1] + move[0]},${at[2] + move[1]}`)?.focus();
  }

  showChoice() {
    const { text = "" } = this.model.get("_progress");
    this.progress.textContent = text;
    const methods = this.model.get("_methods");
    const { method: name, learned, tested } = this.model.get("_cell");
    const m = methods.findIndex((method) => method.name === name);
    for (const [key, button] of this.cells) button.setAttribute("aria-pressed", String(key === `${m},${learned},${tested}`));
    this.choice.textContent = m < 0 ? (methods.length ? "Click a cell to see what became of that task." : "") : this.story(methods[m], learned, tested);
    this.notice.textContent = this.alive ? this.model.get("_notice") : "The kernel does not answer, it is busy or gone: the numbers stay, but no example can be loaded.";
  }

  story(method, learned, tested) {
    const matrix = method.matrix[this.model.get("score")];
    const [now, first] = [matrix[learned]?.[tested] ?? null, matrix[tested]?.[tested] ?? null];
    const parts = [`${method.name}, after learning task ${learned + 1}, on task ${tested + 1}: ${decimals(now, 2)} dB`];
    if (learned > tested && now !== null && first !== null) {
      parts.push(`just after it was learned ${decimals(first, 2)} dB`, `a change of ${decimals(now - first, 2)} dB`);
    }
    return `${parts.join("; ")}.`;
  }
}

export default {
  render({ model, el }) {
    const explorer = new ForgettingExplorer(model, el);
    return () => explorer.dispose();
  },
};
