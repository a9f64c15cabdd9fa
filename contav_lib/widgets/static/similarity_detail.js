// What lies behind the chosen cell of the similarity explorer: two sounds, two frames, and the loss of its row.

const PAUSE = 0.25; // seconds between the two sounds
const TABLE_ROWS = 12;

const share = (value) => (value < 0.0005 ? "< 0.001" : decimals(value));

/** Sounds and frames of sources: asked for in the kernel once, then kept. */
class Clips {
  constructor(model, rate, onChange) {
    Object.assign(this, { model, rate, onChange });
    this.known = new Map();
    this.sounding = []; // now or soon: {source, gain}
    model.on("msg:custom", (content, buffers) => this.receive(content, buffers));
  }

  /** What is known of a source: {asked}, or {sound, picture, error}; asks for it where nothing is. */
  get(source) {
    if (!this.known.has(source)) {
      this.known.set(source, { asked: true });
      send(this.model, { kind: "source", source });
    }
    return this.known.get(source);
  }

  receive(content, buffers) {
    if (content.kind !== "source") return;
    const [sound, picture] = buffers;
    const clip = { error: content.error };
    if (sound?.byteLength) clip.sound = decode(sound, 1);
    if (picture?.byteLength) clip.picture = imageOf(picture);
    this.known.set(content.source, clip);
    this.onChange();
    if (this.wanted?.includes(content.source)) this.play(this.wanted);
  }

  /** Play sources one after the other, as soon as all are there. */
  play(wanted) {
    this.stop();
    const context = audioContext(this.rate);
    context.resume(); // here, where it is the answer to a click
    const clips = wanted.map((source) => this.get(source));
    this.wanted = clips.some((clip) => clip.asked) ? wanted : null;
    if (this.wanted) return;
    let when = context.currentTime + RAMP; // never in the past
    for (const { sound } of clips.filter((clip) => clip.sound)) {
      const [buffer] = makeFineBuffers([sound], this.rate);
      const gain = new GainNode(context, { gain: 0 });
      const end = when + buffer.duration;
      gain.gain.setValueAtTime(0, when).linearRampToValueAtTime(1, when + RAMP);
      gain.gain.setValueAtTime(1, Math.max(when + RAMP, end - RAMP)).linearRampToValueAtTime(0, end);
      const source = new AudioBufferSourceNode(context, { buffer });
      source.connect(gain).connect(context.destination);
      source.start(when);
      this.sounding.push({ source, gain });
      when = end + PAUSE;
    }
  }

  stop() {
    for (const { source, gain } of this.sounding.splice(0)) {
      const now = source.context.currentTime;
      ramp(gain.gain, 0, now);
      source.stop(now + RAMP);
    }
  }
}

/** Whether it is known that there is no sound. */
const isMute = (clip) => !clip.asked && !clip.sound;

/** A source's frame, name and button. */
function clipCard(role, name, source, clip, play) {
  const frame = clip.picture
    ? make("img", { src: clip.picture, alt: `Frame of ${name}` })
    : make("div", { className: "no-frame contav-note" }, clip.asked ? "asking …" : "no frame");
  const button = makeButton("▶ play", `Play ${name}`, () => play([source]));
  button.disabled = isMute(clip);
  const lines = [make("div", { className: "contav-note" }, role), make("div", {}, name), button];
  if (clip.error) lines.push(make("div", { className: "contav-alarm" }, clip.error));
  return make("div", { className: "clip" }, frame, make("div", {}, ...lines));
}

/** The loss of row `i` of a panel, worked out in a table (eq. 7 with rule "video", eq. 9 with "class"). */
function lossTable(numbers, panel, i, rule, pair, nameOf) {
  const lossOf = (row) => {
    const candidates = panel.entries.map((_, j) => j).filter((j) => panel.entries[j].known);
    const cosines = candidates.map((j) => panel.values[row * panel.size + j]);
    const positive = candidates.map((j) => numbers.isPositive(rule, panel.entries[row], panel.entries[j]));
    return { candidates, cosines, positive, ...workOut(cosines, positive, numbers.temperature) };
  };
  const worked = lossOf(i);
  const all = panel.entries.map((entry, row) => (entry.known ? lossOf(row).loss : null)).filter((loss) => loss !== null);
  const mean = all.reduce((sum, loss) => sum + loss, 0) / all.length;

  const places = worked.candidates.map((_, k) => k).sort((a, b) => worked.positive[b] - worked.positive[a] || worked.softmax[b] - worked.softmax[a]);
  const positives = places.filter((k) => worked.positive[k]).slice(0, TABLE_ROWS - 4);
  const others = places.filter((k) => !worked.positive[k]).slice(0, TABLE_ROWS - positives.length);
  const line = (k) => {
    const term = worked.positive[k] ? worked.surprise[k] / worked.count : null;
    const cells = [nameOf(panel.entries[worked.candidates[k]]), decimals(worked.cosines[k]), decimals(worked.logits[k], 2),
      share(worked.softmax[k]), worked.positive[k] ? "yes" : "", term === null ? "" : decimals(term)];
    return make("tr", { className: worked.positive[k] ? "positive" : "" }, ...cells.map((text) => make("td", {}, text)));
  };
  const rest = (title, left) => {
    if (!left.length) return [];
    const sum = (of) => left.reduce((total, k) => total + of(k), 0);
    const terms = left.filter((k) => worked.positive[k]);
    const cells = [`${left.length} ${title}`, "", "", share(sum((k) => worked.softmax[k])), "",
      terms.length ? decimals(sum((k) => worked.surprise[k] / worked.count)) : ""];
    return [make("tr", { className: "rest" }, ...cells.map((text) => make("td", {}, text)))];
  };
  const [a, b] = pair.map((name) => numbers.called(name));
  const head = [`${b} of`, "cosine", `÷ ${numbers.temperature} = logit`, "softmax", "positive", `−log softmax ÷ ${worked.count}`];
  const result = make("td", { className: "result" }, decimals(worked.loss));
  result.dataset.loss = worked.loss;
  const meanNode = make("b", { className: "mean" }, decimals(mean));
  meanNode.dataset.loss = mean;
  return make("div", { className: "loss" },
    make("div", { className: "contav-note" }, `Eq. ${rule === "video" ? 7 : 9}: how well does the ${a} of `,
      make("b", {}, nameOf(panel.entries[i])), ` find its ${worked.count} positive${worked.count > 1 ? "s" : ""} among ${worked.candidates.length} candidates?`),
    make("table", {},
      make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...positives.map(line), ...rest("more positives", places.filter((k) => worked.positive[k]).slice(positives.length)),
        ...others.map(line), ...rest("other candidates", places.filter((k) => !worked.positive[k]).slice(others.length))),
      make("tfoot", {}, make("tr", {}, make("td", { colSpan: 5 }, "the row's loss: the sum of its terms"), result))),
    make("div", { className: "contav-note" }, `Mean over all ${all.length} rows, ${a} → ${b}: `, meanNode));
}
