// The blind test: the sounds of one trial, which are A, B and perhaps X or a reference, and an answer for Python.

const KEYS_OF = { A: "a", B: "b", X: "x", Reference: "r" };

/** One trial's sound: all of it runs on one clock and repeats, one is heard. */
class Booth {
  constructor(model) {
    this.model = model;
    this.heard = 0;
    this.known = new Set(); // labels of the sounds that were heard in this trial
    this.engine = new Engine(
      () => model.get("gains").map((gain, i) => (i === this.heard ? gain : 0)),
      () => [0, this.engine.duration],
    );
    this.engine.addEventListener("change", () => this.note());
    this.load();
    // Every trial begins silent at A, whether or not its sounds are those of the last one: that would tell.
    model.on("change:trial", () => this.load());
  }

  load() {
    const { model } = this;
    this.engine.load(model.get("sounds").map((view, i) => decode(view, model.get("scales")[i])), model.get("rate"));
    this.known.clear();
    this.engine.seek(0);
    this.heard = 0;
  }

  note() {
    if (this.engine.playing) this.known.add(this.model.get("labels")[this.heard]);
  }

  /** Labels that must be heard before an answer counts, and were not yet. */
  missing() {
    return this.model.get("labels").filter((label) => label !== "Reference" && !this.known.has(label));
  }

  hear(number) {
    this.heard = number;
    this.engine.regain();
    if (this.engine.playing) this.engine.changed();
    else this.engine.play();
    this.note();
  }
}

class TestPage extends SoundPage {
  constructor(model, booth) {
    super(model, booth.engine, "blind-test", "Blind listening test", "The sounds still play, but answers are not kept.");
    this.booth = booth;
    this.react({ change: () => this.trial !== model.get("trial") && this.build() });
    this.build();
  }

  build() {
    const { model } = this;
    this.trial = model.get("trial");
    if (model.get("done")) {
      this.engine.pause();
      const end = make("div", { role: "status" }, make("b", {}, "Done. "), model.get("outcome"));
      this.root.replaceChildren(end, make("div", { className: "contav-note" }, "In Python: .answers and .p_value"));
      return;
    }
    const trials = model.get("trials");
    const title = make("div", {}, make("b", {}, `Trial ${this.trial + 1} of ${trials}. `), model.get("question"));
    this.listen = make("span", { className: "contav-note", role: "status" });
    const progress = make("progress", { max: trials, value: this.trial, "aria-label": "Trials answered" });
    this.root.replaceChildren(title, progress, this.makeSounds(), this.makeAnswers(), this.listen, this.kernelGone);
    this.refresh();
  }

  makeSounds() {
    const { engine } = this;
    this.choices = this.model.get("labels").map((label, i) => {
      const button = makeButton(label, `Hear ${label}`, () => this.booth.hear(i));
      button.append(" ", make("kbd", {}, KEYS_OF[label]));
      return button;
    });
    this.seek = makeSlider("Position", { min: 0, max: engine.duration, step: 0.01 }, (at) => engine.seek(at));
    return make("div", { className: "contav-line" }, this.makePlay(), ...this.choices, this.seek);
  }

  makeAnswers() {
    const kind = this.model.get("kind");
    if (kind === "rate") return this.makeRatings();
    const text = (label) => (kind === "abx" ? `X is ${label}` : `${label} is better`);
    const buttons = ["A", "B"].map((label, i) => {
      const button = makeButton(text(label), text(label), () => this.answer({ choice: label }));
      button.append(" ", make("kbd", {}, String(i + 1)));
      return button;
    });
    this.answers = buttons;
    this.isMarked = () => true;
    return make("div", { className: "contav-line" }, "Your answer: ", ...buttons);
  }

  makeRatings() {
    const marks = { a: 0, b: 0 };
    const next = makeButton("Next", "Send these marks", () => this.answer({ rating_a: marks.a, rating_b: marks.b }));
    this.answers = [next];
    this.isMarked = () => marks.a && marks.b;
    const groups = ["a", "b"].map((which) => {
      const scale = [1, 2, 3, 4, 5].map((mark) => {
        const name = `contav-${which}-${this.model.get("trial")}`;
        const radio = make("input", { type: "radio", name, value: mark, "aria-label": `${which.toUpperCase()}: ${mark}` });
        radio.addEventListener("change", () => {
          marks[which] = mark;
          this.refresh();
        });
        return make("label", {}, radio, String(mark));
      });
      return make("fieldset", {}, make("legend", {}, which.toUpperCase()), ...scale);
    });
    return make("form", { className: "contav-line" }, ...groups, next);
  }

  /** Once: Python sends the next trial. */
  answer(what) {
    this.sent = this.trial;
    this.refresh();
    send(this.model, { trial: this.trial, heard: [...this.booth.known], ...what });
  }

  refresh() {
    if (this.model.get("done")) return;
    this.showPlaying();
    this.choices.forEach((button, i) => showPressed(button, i === this.booth.heard));
    const missing = this.booth.missing();
    const ready = !missing.length && this.isMarked() && this.sent !== this.trial;
    for (const button of this.answers) button.disabled = !ready;
    this.listen.textContent = missing.length ? `Listen to ${missing.join(" and ")} first.` : "";
    this.showPosition();
  }

  showPosition() {
    this.seek.value = this.engine.position();
  }

  press(event) {
    if (this.model.get("done")) return false;
    const sound = this.model.get("labels").findIndex((label) => KEYS_OF[label] === event.key.toLowerCase());
    const answer = this.model.get("kind") === "rate" ? undefined : this.answers[event.key - 1];
    if (event.key === " ") this.play.click();
    else if (sound >= 0) this.booth.hear(sound);
    else answer?.click();
    return event.key === " " || sound >= 0 || answer;
  }
}

export default () => {
  let booth;
  return {
    initialize({ model }) {
      booth = new Booth(model);
      return () => booth.engine.dispose();
    },
    render({ model, el }) {
      return new TestPage(model, booth).show(el);
    },
  };
};
