// The numbers of the similarity explorer: cosines, means, the loss of a row. All from the features, which lie here.

/** What Python described, with the features: float32 [modalities, models, sources, values]. */
class Similarities {
  constructor(about, view) {
    Object.assign(this, about);
    [this.count, this.rows, this.width] = about.size;
    this.labels = about.tasks.flat();
    this.taskOf = about.tasks.flatMap((labels, task) => labels.map(() => task));
    this.features = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    this.blocks = new Map();
  }

  called(modality) {
    return this.names[this.modalities.indexOf(modality)];
  }

  vector(modality, model, source) {
    const at = ((this.modalities.indexOf(modality) * this.count + model) * this.rows + source) * this.width;
    return this.features.subarray(at, at + this.width);
  }

  /** Whether a model can hear a source: before its class is learned, its features are not a number. */
  known(model, source) {
    return this.modalities.every((name) => !Number.isNaN(this.vector(name, model, source)[0]));
  }

  /** Cosines of all sources, [R, R]: the first modality as one model hears it, the second as another does. */
  block([a, b], rowModel, columnModel) {
    const key = [a, b, rowModel, columnModel].join();
    if (!this.blocks.has(key)) {
      const columns = Array.from({ length: this.rows }, (_, j) => this.vector(b, columnModel, j));
      const values = new Float64Array(this.rows ** 2);
      for (let i = 0; i < this.rows; i++) {
        const row = this.vector(a, rowModel, i);
        for (let j = 0; j < this.rows; j++) {
          let sum = 0;
          for (let d = 0; d < this.width; d++) sum += row[d] * columns[j][d];
          values[i * this.rows + j] = sum;
        }
      }
      if (this.blocks.size > 40) this.blocks.clear();
      this.blocks.set(key, values);
    }
    return this.blocks.get(key);
  }

  /** The matrix of entries {model, source}, less that of the model `less` where one is given. */
  matrix(pair, entries, less = null) {
    const models = [...new Set(entries.map((entry) => entry.model))];
    const blocks = models.map((row) => models.map((column) => this.block(pair, row, column)));
    const minus = less === null ? null : this.block(pair, less, less);
    const place = entries.map((entry) => models.indexOf(entry.model));
    const values = new Float64Array(entries.length ** 2);
    for (let i = 0, at = 0; i < entries.length; i++) {
      const start = entries[i].source * this.rows;
      for (let j = 0; j < entries.length; j++, at++) {
        const cell = start + entries[j].source;
        values[at] = blocks[place[i]][place[j]][cell] - (minus ? minus[cell] : 0);
      }
    }
    return values;
  }

  /** Whether an entry is a positive of another: of the same video (eq. 7) or of the same class (eq. 9). */
  isPositive(rule, row, column) {
    const numberOf = rule === "video" ? this.videos : this.classes;
    return row.known && column.known && numberOf[row.source] === numberOf[column.source];
  }
}

/** Means over groups of entries, [G, G]; `groupOf[i]` is the group of entry i. Cells without a value don't count. */
function groupMeans(values, groupOf, groups) {
  const sums = new Float64Array(groups ** 2);
  const counts = new Float64Array(groups ** 2);
  for (let i = 0, at = 0; i < groupOf.length; i++) {
    for (let j = 0; j < groupOf.length; j++, at++) {
      if (Number.isNaN(values[at])) continue;
      sums[groupOf[i] * groups + groupOf[j]] += values[at];
      counts[groupOf[i] * groups + groupOf[j]] += 1;
    }
  }
  return sums.map((sum, at) => sum / counts[at]);
}

/** Eq. 7 or 9 for one row, from its cosines with all candidates and which of those are positives. */
function workOut(cosines, positive, temperature) {
  const logits = Array.from(cosines, (value) => value / temperature);
  const largest = Math.max(...logits);
  const logOfSum = largest + Math.log(logits.reduce((sum, value) => sum + Math.exp(value - largest), 0));
  const surprise = logits.map((value) => logOfSum - value); // minus the log-softmax
  const count = positive.filter(Boolean).length;
  const loss = surprise.reduce((sum, value, k) => sum + (positive[k] ? value : 0), 0) / count;
  return { logits, surprise, softmax: surprise.map((value) => Math.exp(-value)), count, loss };
}
