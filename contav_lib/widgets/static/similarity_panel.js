// One matrix of the similarity explorer as a picture.

const UNKNOWN = { light: [225, 225, 225], dark: [62, 62, 66] };
const BORDER = "#00a087";
const LABELS = 100; // pixels beside and above a panel, for the classes
const PITCH = 11; // pixels that a class's name takes
const GAP = 12; // pixels between two panels
const STRIP = 6; // pixels of the coloured strips that tell tasks apart

/** The border round the cells of an n x n grid for which `is(i, j)` holds, as a path in units of cells. */
function borderOf(size, is) {
  const path = new Path2D();
  const inside = Uint8Array.from({ length: size * size }, (_, at) => is(Math.floor(at / size), at % size));
  const at = (i, j) => i >= 0 && j >= 0 && i < size && j < size && inside[i * size + j];
  const edge = (x1, y1, x2, y2) => {
    path.moveTo(x1, y1);
    path.lineTo(x2, y2);
  };
  for (let i = 0; i <= size; i++) {
    for (let j = 0; j <= size; j++) {
      if (Boolean(at(i, j)) !== Boolean(at(i - 1, j))) edge(j, i, j + 1, i);
      if (Boolean(at(i, j)) !== Boolean(at(i, j - 1))) edge(j, i, j, i + 1);
    }
  }
  return path;
}

/**
 * A matrix on a canvas.
 * Give it: key, title, entries {which, model, class, known} and, but for means, {source}; values [n, n]; border (a path or
 * null); grouped (entries stand by class); labelled (classes are written beside it).
 */
class Panel {
  constructor(content, numbers) {
    Object.assign(this, content);
    this.numbers = numbers;
    this.size = this.entries.length;
    this.canvas = make("canvas", { tabIndex: 0, role: "application" });
    this.canvas.dataset.panel = this.key;
    Object.assign(this.canvas, { values: this.values, panel: this }); // for tests: the numbers behind the picture, where it stands
    this.node = make("figure", { className: this.key }, make("figcaption", {}, this.title), this.canvas);
  }

  get left() {
    return STRIP + (this.labelled ? LABELS : 0);
  }

  get top() {
    return STRIP + (this.grouped ? LABELS : 0);
  }

  /** Paint anew, `side` pixels wide, in these colours. */
  paint(side, { theme, ink, font }, marks) {
    Object.assign(this, { side, theme, ink, font });
    const image = new ImageData(Math.max(this.size, 1), Math.max(this.size, 1));
    this.values.forEach((value, at) => {
      const level = Math.round((Math.min(Math.max(value, -1), 1) + 1) * 127.5);
      const [r, g, b] = Number.isNaN(value) ? UNKNOWN[theme] : COLOURS[theme][level];
      const place = at * 4;
      image.data[place] = r;
      image.data[place + 1] = g;
      image.data[place + 2] = b;
      image.data[place + 3] = 255;
    });
    this.picture = make("canvas", { width: image.width, height: image.height });
    this.picture.getContext("2d").putImageData(image, 0, 0);
    const dots = window.devicePixelRatio || 1;
    const [width, height] = [this.left + side, this.top + side];
    Object.assign(this.canvas, { width: Math.round(width * dots), height: Math.round(height * dots) });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    this.compose(marks);
  }

  /** Put picture, lines and names together; `marks` are cells [i, j, line width] to point out. */
  compose(marks) {
    if (!this.picture) return;
    const context = this.canvas.getContext("2d");
    const dots = window.devicePixelRatio || 1;
    const cell = this.side / this.size;
    context.setTransform(dots, 0, 0, dots, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.picture, this.left, this.top, this.side, this.side);
    context.translate(this.left, this.top); // from here on, the picture's corner is the origin
    this.drawTasks(context, cell);
    if (this.grouped) {
      if (this.labelled) this.writeClasses(context, cell, -1);
      context.save();
      context.rotate(-Math.PI / 2);
      this.writeClasses(context, cell, 1); // above the columns, upwards
      context.restore();
    }
    context.strokeStyle = this.ink;
    const half = this.entries.findIndex((entry) => entry.which === "old");
    if (half > 0) this.drawCross(context, half * cell, 2.5);
    if (this.border) this.drawBorder(context, cell);
    for (const [i, j, width] of marks) {
      context.lineWidth = width;
      context.strokeRect(0, i * cell, this.side, cell);
      context.strokeRect(j * cell, 0, cell, this.side);
    }
  }

  /** [from, to, entry] for entries side by side with the same `key`. */
  runs(key) {
    const starts = this.entries.flatMap((entry, at) => {
      const before = this.entries[at - 1];
      return at && key(entry) === key(before) && entry.which === before.which ? [] : [at];
    });
    return starts.map((from, run) => [from, starts[run + 1] ?? this.size, this.entries[from]]);
  }

  drawTasks(context, cell) {
    const task = (entry) => this.numbers.taskOf[entry.class];
    context.strokeStyle = this.ink;
    this.runs(task).forEach(([from, to, entry], number) => {
      context.fillStyle = TASK_COLOURS[task(entry) % TASK_COLOURS.length];
      context.fillRect(from * cell, -STRIP, (to - from) * cell, STRIP - 2);
      context.fillRect(-STRIP, from * cell, STRIP - 2, (to - from) * cell);
      if (this.grouped && number) this.drawCross(context, from * cell, 0.75);
    });
  }

  drawCross(context, place, width) {
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(place, 0);
    context.lineTo(place, this.side);
    context.moveTo(0, place);
    context.lineTo(this.side, place);
    context.stroke();
  }

  /** The classes' names beside the picture, to the left (`towards` -1) or the right; a line leads to one that had to move. */
  writeClasses(context, cell, towards) {
    const all = this.runs((entry) => entry.class);
    const every = Math.ceil((7 * all.length) / this.side); // of a hundred classes not each has room
    const runs = all.filter((_, number) => number % every === 0);
    const pitch = Math.min(PITCH + 1, this.side / runs.length);
    const [near, far] = [towards * (STRIP - 2), towards * (STRIP + 7)];
    const align = towards < 0 ? "right" : "left";
    Object.assign(context, { font: `${pitch - 1}px ${this.font}`, textAlign: align, textBaseline: "middle", fillStyle: this.ink });
    Object.assign(context, { strokeStyle: this.ink, lineWidth: 0.5 });
    const middles = runs.map(([from, to]) => ((from + to) / 2) * cell);
    let free = pitch / 2; // where the next name may stand
    runs.forEach(([, , entry], k) => {
      const place = Math.min(Math.max(middles[k], free), this.side - (runs.length - k - 0.5) * pitch);
      free = place + pitch;
      context.fillText(this.numbers.labels[entry.class].replaceAll("_", " "), far + 2 * towards, place, LABELS - 10);
      context.beginPath();
      context.moveTo(near, middles[k]);
      context.lineTo(far, place);
      context.stroke();
    });
  }

  drawBorder(context, cell) {
    context.save();
    context.scale(cell, cell);
    context.lineCap = "square";
    const width = Math.min(1.5, cell / 3); // a small cell must still show its own colour
    for (const [colour, lineWidth] of [[this.theme === "dark" ? "#000000" : "#ffffff", 2 * width], [BORDER, width]]) {
      context.strokeStyle = colour;
      context.lineWidth = lineWidth / cell;
      context.stroke(this.border);
    }
    context.restore();
  }

  /** The cell [i, j] under the mouse, or null. */
  cellAt(event) {
    const at = [event.offsetY - this.top, event.offsetX - this.left].map((place) => Math.floor((place / this.side) * this.size));
    return at.every((k) => k >= 0 && k < this.size) ? at : null;
  }
}
