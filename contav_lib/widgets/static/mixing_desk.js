// The mixing desk: a row of it goes from a sound, over what the separator is told of it, to what the separator gives back.

const PIECE = 2e6; // bytes of a file that travel at once
// Blue to yellow, evenly spaced in brightness (after matplotlib's "cividis"); 0 is the paper: nothing to say.
const SHARE = [[0, 0, 0, 0], ...colourTable(["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838"]).slice(1)];
const LENGTHS = [[true, "six seconds"], [false, "a crop, as in training"]];
const SCORES = { sdr: "all faults", sir: "what is left of the other sounds", sar: "what the separator added" };

/** The page's side of a question: the newest one waits here until the last one is answered. */
class Questions {
  constructor(model) {
    Object.assign(this, { model, next: null });
    model.on("change:answer", () => this.send());
  }

  get isWaiting() {
    return this.model.get("wanted").number !== this.model.get("answer").number;
  }

  /** What is asked now, answered or not. */
  get now() {
    return this.next ?? this.model.get("wanted");
  }

  ask(changes) {
    this.next = { ...this.now, ...changes };
    if (!this.isWaiting) this.send();
  }

  send() {
    if (!this.next) return;
    this.model.set("wanted", { ...this.next, number: this.model.get("wanted").number + 1 });
    this.next = null;
    this.model.save_changes();
  }
}

class DeskPage extends SoundPage {
  constructor(model, engine, desk) {
    super(model, engine, "mixing-desk", "Mixing desk", "The sounds that are here still play; nothing new is mixed.");
    this.desk = desk;
    this.react({ "change:about": () => this.build(), "change:answer": () => this.draw(), change: () => this.refresh() });
    this.build();
  }

  get slots() {
    return this.desk.questions.now.slots;
  }

  ask(changes) {
    this.desk.questions.ask(changes);
    this.refresh();
  }

  /** Change one slot. */
  change(number, changes) {
    this.ask({ slots: this.slots.map((slot, n) => (n === number ? { ...slot, ...changes } : slot)) });
  }

  // --- building ---

  build() {
    const { about } = this;
    const hadFocus = this.root.contains(document.activeElement); // its control is about to go
    this.strips = this.slots.map((_, number) => this.makeStrip(number));
    this.mixture = this.makeLane("mixture", 0);
    this.add = makeButton("+ Add a sound", "Add a sound", () => this.addSlot());
    this.notice = make("div", { className: "contav-alarm", role: "alert" });
    this.notes = make("div", { className: "contav-note" });
    this.root.replaceChildren(
      this.makeBar(),
      make("div", { className: "contav-mixture" }, this.mixture.element),
      this.notice, ...this.strips.map((strip) => strip.element),
      make("div", { className: "contav-bar" }, this.add, make("span", { className: "contav-note" },
        "Space: play. 0: mixture. 1 to 4: separated; with Shift: true. Drag a picture onto another to swap the two.")),
      this.notes, this.kernelGone, this.said,
    );
    if (hadFocus) this.root.focus({ preventScroll: true });
    this.add.hidden = this.slots.length >= about.most;
    this.draw();
    this.refresh();
  }

  get about() {
    return this.model.get("about");
  }

  makeBar() {
    const { desk, engine } = this;
    this.makePlay();
    this.looping = makeButton("⟳ Loop", "Loop", () => {
      desk.looping = !desk.looping;
      engine.reloop();
      this.refresh();
    });
    this.time = make("span", { className: "contav-time" });
    const names = this.about.checkpoints.map(({ name }) => [name, name]);
    this.checkpoint = this.makeMenu("Separator", names, (checkpoint) => this.ask({
      checkpoint, task: Math.min(desk.questions.now.task, this.tasksOf(checkpoint).length - 1),
    }));
    this.task = this.makeMenu("after", [], (task) => this.ask({ task: Number(task) }));
    this.whole = this.makeMenu("Length", LENGTHS, (whole) => this.ask({ whole: whole === "true" }));
    this.making = make("span", { className: "contav-making contav-note", role: "status" });
    return make("div", { className: "contav-bar" }, this.play, this.looping, this.time, this.whole, this.making,
      make("span", { className: "contav-gap" }), labelled("Separator", this.checkpoint), labelled("after", this.task));
  }

  tasksOf(checkpoint) {
    return this.about.checkpoints.find(({ name }) => name === checkpoint).tasks;
  }

  makeMenu(label, options, onChoice) {
    const menu = make("select", { "aria-label": label, title: label });
    fill(menu, options);
    menu.addEventListener("change", () => onChoice(menu.value));
    return menu;
  }

  makeStrip(number) {
    const title = `Sound ${number + 1}`;
    const set = (name) => (value) => this.change(number, { [name]: value });
    const clip = make("select", { "aria-label": `Clip of sound ${number + 1}` });
    for (const { label, ids } of this.about.clips) {
      const options = ids.map((id) => make("option", { value: id }, words(id.split("/").at(-1))));
      clip.append(make("optgroup", { label: words(label) || "yours" }, ...options));
    }
    clip.addEventListener("change", () => {
      const label = this.about.clips.find(({ ids }) => ids.includes(clip.value)).label;
      this.change(number, { clip: clip.value, start: 0, ...(label ? { asked: label } : {}) });
    });
    const file = make("input", { type: "file", accept: "audio/*,video/*", hidden: true });
    file.addEventListener("change", () => this.upload(number, file.files[0]));
    const own = makeButton("Own file…", `A file of yours as sound ${number + 1}`, () => file.click());
    const start = makeSlider(`Start of sound ${number + 1}, seconds`, { min: 0, max: 1, step: 0.1 }, set("start"));
    const gain = makeSlider(`Gain of sound ${number + 1}, dB`, { min: this.about.softest, max: 0, step: 1 }, set("gain"));
    const mute = makeButton("Mute", `Mute sound ${number + 1}`, () => this.change(number, { mute: !this.slots[number].mute }));
    const remove = makeButton("Remove", `Remove sound ${number + 1}`, () => this.removeSlot(number));
    remove.disabled = this.slots.length <= this.about.fewest;
    const picture = this.makeThumbnail(number);
    const shown = [...this.slots.keys()].map((n) => [n, `picture ${n + 1}`]);
    const features = ["looks", "motion"].map((name) => this.makeMenu(`${name} shown for sound ${number + 1}`,
      [...shown, [-1, "nothing"]], (value) => this.change(number, { [name]: Number(value) })));
    const classes = this.about.classes.map((label) => [label, words(label)]);
    const asked = this.makeMenu(`Class asked for, sound ${number + 1}`, classes, set("asked"));
    const lanes = {
      truth: this.makeLane("in the mixture", 1 + 2 * number),
      mask: this.makeLane("mask: blue 0, yellow 1", -1),
      sound: this.makeLane("separated", 2 + 2 * number),
    };
    const [startValue, gainValue] = [make("output"), make("output")];
    const scores = make("div", { className: "contav-scores" });
    lanes.sound.element.append(scores);
    const element = make("section", { className: "contav-strip", "aria-label": title },
      make("div", { className: "contav-source" },
        make("div", { className: "contav-row" }, make("strong", {}, `${number + 1}`), clip),
        labelled("start", start, startValue), labelled("gain", gain, gainValue),
        make("div", { className: "contav-row" }, own, file, mute, remove)),
      make("div", { className: "contav-told" }, picture,
        make("div", {}, labelled("looks", features[0]), labelled("motion", features[1]), labelled("asked", asked))),
      make("div", { className: "contav-lanes" }, lanes.truth.element, lanes.mask.element, lanes.sound.element));
    element.dataset.colour = number + 1;
    return { element, clip, start, startValue, gain, gainValue, mute, picture, features, asked, lanes, scores };
  }

  /** The picture shown for a slot; dropped on another one, or clicked, it changes places with it. */
  makeThumbnail(number) {
    const button = makeButton("", "", () => this.swap(number, (number + 1) % this.slots.length));
    button.className = "contav-picture";
    button.draggable = true;
    button.addEventListener("dragstart", (event) => {
      this.dragged = number;
      event.dataTransfer.setData("text/plain", `picture of sound ${number + 1}`);
      event.dataTransfer.effectAllowed = "move";
    });
    button.addEventListener("dragend", () => (this.dragged = null));
    for (const name of ["dragenter", "dragover"]) {
      button.addEventListener(name, (event) => {
        if ((this.dragged ?? number) === number) return;
        event.preventDefault(); // it may be dropped here
        button.classList.add("contav-target");
      });
    }
    button.addEventListener("dragleave", () => button.classList.remove("contav-target"));
    button.addEventListener("drop", (event) => {
      event.preventDefault();
      button.classList.remove("contav-target");
      if ((this.dragged ?? number) !== number) this.swap(this.dragged, number);
    });
    return button;
  }

  /** A picture with its axes, a button to hear it, where there is a sound, and the cursor over it. */
  makeLane(name, sound) {
    const hear = makeButton("", `Hear ${name}`, () => this.hear(sound));
    hear.className = "contav-hear";
    const image = make("div", { className: "contav-image", role: "img" });
    image.addEventListener("click", ({ clientX }) => {
      const box = image.getBoundingClientRect();
      this.engine.seek(((clientX - box.left) / box.width) * this.engine.duration);
    });
    const seconds = make("div", {});
    const head = make("div", { className: "contav-row" }, ...(sound < 0 ? [make("span", {}, name)] : [hear]));
    const element = make("div", { className: "contav-lane" }, head,
      make("div", { className: "contav-plot" },
        hertzMarks(this.model.get("rate")), image, make("div", {}), seconds));
    return { element, hear, image, seconds, name, sound };
  }

  // --- what a hand does ---

  swap(one, other) {
    const slots = [...this.slots];
    const shown = ({ looks, motion }) => ({ looks, motion });
    [slots[one], slots[other]] = [{ ...slots[one], ...shown(slots[other]) }, { ...slots[other], ...shown(slots[one]) }];
    this.ask({ slots });
  }

  addSlot() {
    const used = this.slots.map(({ asked }) => asked);
    const { label, ids } = this.about.clips.find((each) => each.label && !used.includes(each.label)) ?? this.about.clips[0];
    const number = this.slots.length;
    const fresh = { clip: ids[0], start: 0, gain: 0, mute: false, looks: number, motion: number, asked: label };
    this.ask({ slots: [...this.slots, fresh] });
  }

  /** The slots after it move up; what was shown the picture that has gone is shown its own. */
  removeSlot(number) {
    const moved = (shown, own) => (shown === number ? own : shown > number ? shown - 1 : shown);
    const slots = this.slots.filter((_, n) => n !== number)
      .map((slot, n) => ({ ...slot, looks: moved(slot.looks, n), motion: moved(slot.motion, n) }));
    this.desk.heard = 0;
    this.ask({ slots });
  }

  async upload(slot, file) {
    if (!file) return;
    const most = this.about.most_bytes;
    if (!file.size || file.size > most) {
      const size = (file.size / 1e6).toFixed(1);
      this.notice.textContent = `${file.name} has ${size} MB; up to ${most / 1e6} MB can be taken. Cut out a part of it.`;
      return;
    }
    this.notice.textContent = "";
    this.notes.textContent = `${file.name} is being read …`;
    const content = await file.arrayBuffer();
    for (let at = 0; at < content.byteLength; at += PIECE) {
      send(this.model, { file: file.name, slot, size: content.byteLength, at }, [content.slice(at, at + PIECE)]);
    }
  }

  hear(sound) {
    const { desk, engine } = this;
    if (desk.heard === sound && engine.playing) return engine.pause();
    desk.heard = sound;
    engine.regain();
    engine.playing ? this.refresh() : engine.play();
  }

  press(event) {
    const digit = /^Digit(\d)$/.exec(event.code)?.[1];
    if (event.key === " ") this.engine.playing ? this.engine.pause() : this.engine.play();
    else if (digit === "0") this.hear(0);
    else if (digit <= this.slots.length) this.hear(2 * digit - (event.shiftKey ? 1 : 0));
    else return false;
    return true;
  }

  // --- keeping in step ---

  /** What has come from Python: pictures and scores. */
  draw() {
    const answer = this.model.get("answer");
    if (this.strips.length !== this.slots.length) return this.build();
    const bytes = (name, number) => {
      const view = this.model.get(name)[number];
      return view && new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    };
    const show = (lane, levels, bins, colours, of) => {
      lane.image.setAttribute("aria-label", `Spectrogram: ${lane.name}${of}`);
      lane.image.replaceChildren(...(levels ? [drawPicture(levels, bins, colours)] : []));
      lane.seconds.replaceChildren(secondMarks(answer.seconds));
    };
    show(this.mixture, bytes("pictures", 0), this.model.get("bins"), BRIGHTNESS, "");
    this.strips.forEach(({ lanes, scores, start }, number) => {
      const stem = answer.stems[number];
      const of = `, ${stem?.name ?? "nothing"}`;
      show(lanes.truth, bytes("pictures", 1 + 2 * number), this.model.get("bins"), BRIGHTNESS, of);
      show(lanes.mask, bytes("masks", number), stem?.bins, SHARE, of);
      show(lanes.sound, bytes("pictures", 2 + 2 * number), this.model.get("bins"), BRIGHTNESS, of);
      if (stem) start.max = stem.latest;
      scores.replaceChildren(...scoresOf(stem));
    });
    this.said.textContent = answer.stems.map(({ name, sdr }) => `${name}: SDR ${decimals(sdr, 1)} dB`).join("; ");
  }

  refresh() {
    const { desk, engine, model } = this;
    const { checkpoint, task, whole } = desk.questions.now;
    if (this.strips.length !== this.slots.length) return this.build();
    this.root.classList.toggle("contav-waiting", desk.questions.isWaiting);
    this.making.textContent = desk.questions.isWaiting && whole ? "making the whole clip …" : "";
    this.whole.value = whole;
    this.showPlaying();
    this.play.disabled = !engine.duration;
    showPressed(this.looping, desk.looping);
    const tasks = this.tasksOf(checkpoint);
    this.checkpoint.value = checkpoint;
    fill(this.task, tasks.map((labels, n) => [n, `task ${n + 1}: ${labels.map(words).join(", ")}`]));
    this.task.value = task;
    const known = tasks.slice(0, task + 1).flat();
    this.notice.textContent = model.get("answer").notice;
    this.notes.textContent = model.get("notes").join(" ");
    for (const lane of [this.mixture, ...this.strips.flatMap(({ lanes }) => Object.values(lanes))]) {
      const isHeard = lane.sound === desk.heard;
      showPressed(lane.hear, isHeard);
      lane.hear.textContent = `${isHeard && engine.playing ? "❚❚" : "▶"} ${lane.name}`;
      lane.hear.disabled = !engine.duration;
      lane.element.classList.toggle("contav-heard", isHeard);
    }
    this.strips.forEach((strip, number) => this.refreshStrip(strip, this.slots[number], number, known));
    this.showPosition();
  }

  refreshStrip(strip, slot, number, known) {
    strip.clip.value = slot.clip;
    strip.start.value = slot.start;
    strip.startValue.textContent = `${slot.start.toFixed(1)} s`;
    strip.gain.value = slot.gain;
    strip.gainValue.textContent = `${decimals(slot.gain, 0)} dB`;
    showPressed(strip.mute, slot.mute);
    strip.features[0].value = slot.looks;
    strip.features[1].value = slot.motion;
    strip.asked.value = slot.asked;
    for (const option of strip.asked.options) {
      option.textContent = words(option.value) + (known.includes(option.value) ? "" : " (not learned yet)");
    }
    this.refreshPicture(strip, slot, number);
  }

  refreshPicture({ picture, element }, { looks, motion }, number) {
    const view = this.model.get("thumbnails")[looks];
    const isOwn = looks === number && motion === number;
    const text = looks < 0 ? "no picture" : `picture ${looks + 1}`;
    picture.setAttribute("aria-label", `Shown for sound ${number + 1}: ${text}. Swap it with the next`);
    picture.title = "Drag it onto another picture, or click, to swap the two";
    element.classList.toggle("contav-swapped", !isOwn);
    if (picture.shown === view && picture.textContent === text) return;
    picture.shown = view;
    const image = view?.byteLength ? [make("img", { src: imageOf(view), alt: "", draggable: false })] : [];
    picture.replaceChildren(...image, make("span", {}, text));
  }

  showPosition() {
    const at = this.engine.position();
    this.root.style.setProperty("--contav-at", (100 * at) / (this.engine.duration || 1));
    this.time.textContent = `${at.toFixed(2)} / ${this.engine.duration.toFixed(2)} s`;
  }
}

const words = (label) => label.replaceAll("_", " ");

function labelled(name, control, ...more) {
  return make("label", { className: "contav-labelled" }, make("span", {}, name), control, ...more);
}

/** Options [value, text] of a menu, made anew where they are others. */
function fill(menu, options) {
  const key = JSON.stringify(options);
  if (menu.options_ === key) return;
  menu.options_ = key;
  menu.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
}

function scoresOf(stem) {
  if (!stem) return [];
  if (stem.sdr === null) return [make("span", { className: "contav-note" }, "silent: no score")];
  const value = (name) => (stem[name] > 60 ? "> 60" : decimals(stem[name], 1));
  return [
    ...Object.entries(SCORES).map(([name, what]) => make("span", { title: `${name.toUpperCase()}, dB, counts ${what}` },
      `${name.toUpperCase()} `, make("b", {}, value(name)))),
    make("div", { className: "contav-note", title: "SDR, less that of the mixture itself" },
      `${decimals(Math.abs(stem.sdr_improvement), 1)} dB ${stem.sdr_improvement < 0 ? "worse" : "better"} than the mixture`),
  ];
}

export default () => {
  const desk = { heard: 0, looping: true };
  let engine;
  return {
    initialize({ model }) {
      let count = 0;
      const gains = () => Array.from({ length: count }, (_, n) => Number(n === desk.heard));
      engine = new Engine(gains, () => (desk.looping ? [0, engine.duration] : null));
      desk.questions = new Questions(model);
      /** Other sounds in the place of those that play; the clock goes on. */
      const reload = () => {
        const [playing, at] = [engine.playing, engine.position()];
        const sounds = model.get("sounds").map((view, i) => decode(view, model.get("scales")[i]));
        count = sounds.length;
        if (desk.heard >= count) desk.heard = 0;
        engine.load(sounds, model.get("rate"));
        engine.seek(at);
        if (playing) engine.play();
      };
      reload();
      model.on("change:answer", reload);
      return () => engine.dispose();
    },
    render({ model, el }) {
      return new DeskPage(model, engine, desk).show(el);
    },
  };
};
