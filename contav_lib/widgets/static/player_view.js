// The stem player's page: built once for the sounds it plays, then kept in step with the model.

const KEYS = {
  " ": ["Space", "play, pause", (actions) => actions.togglePlaying()],
  ArrowLeft: ["←", "1 s back (with Shift 0.1 s)", (actions, event) => actions.nudge(event.shiftKey ? -0.1 : -1)],
  ArrowRight: ["→", "1 s on (with Shift 0.1 s)", (actions, event) => actions.nudge(event.shiftKey ? 0.1 : 1)],
  ArrowUp: ["↑", "louder", (actions) => actions.turn(0.1)],
  ArrowDown: ["↓", "softer", (actions) => actions.turn(-0.1)],
  v: ["V", "next version: truth, separated, ...", (actions) => actions.nextVersion()],
  l: ["L", "loop on, off", (actions) => actions.toggle("looping")],
  "[": ["[", "the loop starts here", (actions) => actions.loopEdge(true)],
  "]": ["]", "the loop ends here", (actions) => actions.loopEdge(false)],
  e: ["E", "equal loudness, true levels", (actions) => actions.toggle("matched")],
  w: ["W", "waveform, spectrogram, mask", (actions) => actions.nextView()],
  ",": [",", "one step of the slider back", (actions) => actions.moveStep(-1)],
  ".": [".", "one step of the slider on", (actions) => actions.moveStep(1)],
};
const DIGITS = [["1 to 9", "hear only this stem; again: all"], ["Shift + 1 to 9", "mute this stem"], ["0", "hear all"]];
const DRAG = 5; // pixels: a shorter drag is a click

class PlayerPage extends SoundPage {
  constructor(model, engine, actions) {
    super(model, engine, "stem-player", "Stem player", "Python does not hear of what you do here; all sounds still play.");
    this.actions = actions;
    this.react({ "change:content": () => this.build(), change: () => this.refresh() });
    this.build();
  }

  // --- building ---

  build() {
    this.content = this.model.get("content");
    const { stems } = this.actions.stems();
    this.rows = stems.map((stem, number) => this.makeRow(stem, number));
    this.cursor = make("div", { className: "contav-cursor" });
    this.region = make("div", { className: "contav-region" });
    this.overlay = make("div", { className: "contav-overlay", "aria-hidden": "true" }, this.region, this.cursor);
    const ruler = make("div", { className: "contav-ruler" }, secondMarks(this.engine.duration));
    this.grid = make("div", { className: "contav-stems" }, ...this.rows.map((row) => row.element), ruler, this.overlay);
    this.root.classList.toggle("contav-faces", stems.some((stem) => stem.face));
    this.listenToDrags(this.overlay);
    const notes = this.model.get("notes").map((note) => make("div", { className: "contav-note" }, note));
    this.root.replaceChildren(
      this.makeTransport(), ...this.makeSteps(), make("div", { className: "contav-scroll" }, this.grid),
      ...notes, this.kernelGone, this.makeHelp(), this.said,
    );
    this.drawn = "";
    this.refresh();
  }

  makeTransport() {
    const { actions, model } = this;
    this.makePlay();
    this.looping = makeButton("⟳ Loop", "Loop", () => actions.toggle("looping"));
    this.time = make("span", { className: "contav-time" });
    this.seek = makeSlider("Position", { min: 0, max: this.engine.duration, step: 0.01 }, (at) => this.engine.seek(at));
    this.volume = makeSlider("Volume", { min: 0, max: 1, step: 0.01 }, (volume) => actions.set({ volume }));
    this.view = make("select", { "aria-label": "View", title: "View" });
    const names = { waveform: "waveforms", spectrogram: "spectrograms", mask: "masks (share of the mixture)" };
    for (const view of availableViews(model, actions.stems())) this.view.append(make("option", { value: view }, names[view]));
    this.view.addEventListener("change", () => actions.set({ view: this.view.value }));
    this.matched = make("input", { type: "checkbox" });
    this.matched.addEventListener("change", () => actions.set({ matched: this.matched.checked }));
    const all = makeButton("Hear all", "Hear all stems", () => actions.hearAll());
    return make("div", { className: "contav-transport" },
      make("div", {}, this.play, this.looping, this.time, this.seek),
      make("div", {}, all, make("label", { title: "Off: true levels" }, this.matched, " equal loudness"), this.view,
        make("label", { className: "contav-volume" }, "Volume ", this.volume)),
    );
  }

  makeSteps() {
    const steps = this.model.get("steps");
    this.step = null;
    if (steps.length < 2) return [];
    this.step = makeSlider("Step", { min: 0, max: steps.length - 1, step: 1 }, (step) => this.actions.set({ step }));
    this.stepName = make("output", {});
    return [make("div", { className: "contav-steps" }, this.stepName, make("span", {}, steps[0]), this.step, make("span", {}, steps.at(-1)))];
  }

  makeRow(stem, number) {
    const { actions } = this;
    const badge = number < 9 ? `${number + 1} ` : "";
    const only = makeButton("", `Hear only ${stem.name}`, () => actions.only(stem));
    only.append(make("kbd", {}, badge), stem.name);
    only.className = "contav-name";
    const solo = makeButton("S", `Solo ${stem.name}`, () => actions.solo(stem));
    const mute = makeButton("M", `Mute ${stem.name}`, () => actions.mute(stem));
    const gain = makeSlider(`Gain of ${stem.name}, dB`, { min: -40, max: 20, step: 1 }, (value) => actions.setGain(stem, value));
    const decibels = make("span", { className: "contav-note" });
    const marks = stem.marks.map((mark) => make("span", { className: "contav-mark", title: mark }, mark.split(":")[0]));
    const lane = make("div", { className: "contav-lane", role: "img" });
    const remark = make("span", { className: "contav-note contav-remark" });
    const head = make("div", { className: "contav-head" }, only, make("div", {}, solo, mute, gain, decibels, ...marks), remark);
    const face = make("div", { className: "contav-face" });
    if (stem.face) face.append(make("img", { src: imageOf(stem.face), alt: `Who plays ${stem.name}` }));
    const axis = hertzMarks(this.model.get("rate"));
    const element = make("div", { className: "contav-stem", role: "group", "aria-label": stem.name }, head, face, axis, lane);
    element.dataset.colour = this.colourOf(stem);
    element.classList.toggle("contav-residual", stem.takes[0].minus >= 0);
    return { stem, element, solo, mute, gain, decibels, remark, lane };
  }

  /** One colour a group; stems without a group have their own. */
  colourOf(stem) {
    const keys = [...new Set(this.actions.stems().stems.map(({ group, name }) => group || `\n${name}`))];
    return keys.indexOf(stem.group || `\n${stem.name}`) % 6;
  }

  makeHelp() {
    const keys = [...Object.values(KEYS), ...DIGITS].flatMap(([key, what]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)]);
    return make("details", { className: "contav-note" }, make("summary", {}, "Keys"), make("dl", {}, ...keys,
      make("dt", {}, "Mouse"), make("dd", {}, "click a waveform to go there, drag over it to loop a region")));
  }

  // --- keeping in step ---

  refresh() {
    const { model } = this;
    if (this.content !== model.get("content")) return; // new sounds have come; the page is built for them next
    this.showPlaying();
    showPressed(this.looping, model.get("looping"));
    this.volume.value = model.get("volume");
    this.view.value = model.get("view");
    this.matched.checked = model.get("matched");
    if (this.step) this.refreshSteps();
    for (const row of this.rows) {
      showPressed(row.solo, model.get("solo").includes(row.stem.name));
      showPressed(row.mute, model.get("mute").includes(row.stem.name));
      row.gain.value = model.get("gains")[row.stem.name] ?? 0;
      row.decibels.textContent = `${row.gain.value} dB`;
      row.remark.textContent = this.actions.stems().current(row.stem).remark;
      row.element.classList.toggle("contav-unheard", !this.actions.stems().isHeard(row.stem));
    }
    const [start, end] = model.get("loop").length ? model.get("loop") : [0, 0];
    this.showRegion(start, end);
    this.region.classList.toggle("contav-on", model.get("looping"));
    this.draw();
    this.showPosition();
    this.say();
  }

  refreshSteps() {
    const steps = this.model.get("steps");
    const step = Math.min(this.model.get("step"), steps.length - 1);
    this.step.value = step;
    this.step.setAttribute("aria-valuetext", steps[step]);
    this.stepName.textContent = steps[step];
  }

  /** The lanes, where what they show has changed. */
  draw() {
    const [view, step, matched] = ["view", "step", "matched"].map((name) => this.model.get(name));
    const key = `${view} ${step} ${matched}`;
    if (key === this.drawn) return;
    this.drawn = key;
    this.root.classList.toggle("contav-pictured", view !== "waveform");
    const stems = this.actions.stems();
    const takes = stems.stems.flatMap((stem) => stem.takes);
    const peak = (take) => stems.samplesOf(take).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const highest = Math.max(1e-9, ...takes.map((take) => stems.levelOf(take) * peak(take)));
    for (const { stem, lane } of this.rows) {
      lane.setAttribute("aria-label", `${view} of ${stem.name}`);
      lane.replaceChildren(this.drawLane(stems, stem, view, highest));
    }
  }

  drawLane(stems, stem, view, highest) {
    const take = stems.current(stem);
    const levels = view !== "waveform" && stems.picture(stem);
    if (!levels) return drawWaveform(stems.samplesOf(take), stems.levelOf(take), highest);
    return drawPicture(view === "mask" ? shareOf(stems.picture(stems.mixture()), levels) : levels, this.model.get("bins"));
  }

  showPosition() {
    const at = this.engine.position();
    const { duration } = this.engine;
    this.cursor.style.left = `${(100 * at) / duration}%`;
    this.time.textContent = `${clock(at)} / ${clock(duration)}`;
    if (document.activeElement !== this.seek || this.engine.playing) this.seek.value = at;
    this.seek.setAttribute("aria-valuetext", `${at.toFixed(1)} of ${duration.toFixed(1)} seconds`);
  }

  /** For a screen reader: what is heard now. */
  say() {
    const heard = this.rows.filter(({ stem }) => this.actions.stems().isHeard(stem))
      .map(({ stem, remark }) => [stem.name, remark.textContent].filter(Boolean).join(", "));
    const what = heard.length === this.rows.length ? "all stems" : heard.join(", ") || "nothing";
    const text = `${this.engine.playing ? "Playing" : "Paused"}: ${what}${this.model.get("looping") ? ", looping" : ""}`;
    if (this.said.textContent !== text) this.said.textContent = text;
  }

  // --- hands ---

  press(event) {
    const digit = /^Digit(\d)$/.exec(event.code)?.[1];
    const row = this.rows[digit - 1];
    const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key]?.[2];
    if (digit === "0") this.actions.hearAll();
    else if (row) event.shiftKey ? this.actions.mute(row.stem) : this.actions.only(row.stem);
    else action?.(this.actions, event);
    return digit === "0" || row || action;
  }

  /** A click goes there; a drag makes a loop. */
  listenToDrags(overlay) {
    const timeAt = (event) => {
      const box = overlay.getBoundingClientRect();
      return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.engine.duration;
    };
    overlay.addEventListener("pointerdown", (down) => {
      if (down.button !== 0) return;
      overlay.setPointerCapture(down.pointerId);
      const start = timeAt(down);
      const isDrag = (event) => Math.abs(event.clientX - down.clientX) >= DRAG;
      overlay.onpointermove = (move) => isDrag(move) && this.showRegion(start, timeAt(move));
      overlay.onpointerup = (up) => {
        overlay.onpointermove = overlay.onpointerup = null;
        isDrag(up) ? this.actions.loopFrom(start, timeAt(up)) : this.engine.seek(timeAt(up));
        this.root.focus({ preventScroll: true });
      };
    });
  }

  showRegion(start, end) {
    const share = (time) => (100 * Math.min(time, this.engine.duration)) / this.engine.duration;
    this.region.style.left = `${share(Math.min(start, end))}%`;
    this.region.style.width = `${Math.abs(share(end) - share(start))}%`;
  }
}
