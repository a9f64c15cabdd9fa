// Small helpers to build a page; a widget's own file follows this one.

const PATIENCE = 4000; // milliseconds that Python may take to answer

/**
 * A new element. `properties` are set as properties, those with a dash or called "role" as attributes.
 * Text becomes a text node: names with HTML in them are shown, never run.
 */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** A new SVG element with these attributes. */
function makeSvg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A slider with an accessible name; `onInput` gets its number. */
function makeSlider(label, { min, max, step }, onInput) {
  const slider = make("input", { type: "range", min, max, step, "aria-label": label, title: label });
  slider.addEventListener("input", () => onInput(Number(slider.value)));
  return slider;
}

/** A button that calls `onClick`. After a click with the mouse the keyboard belongs to the widget again, not to the button. */
function makeButton(text, label, onClick) {
  const button = make("button", { type: "button", "aria-label": label, title: label }, text);
  button.addEventListener("click", (event) => {
    onClick();
    if (event.detail > 0) button.closest(".contav")?.focus({ preventScroll: true });
  });
  return button;
}

/** Show a button as pressed, or not. */
function showPressed(button, isPressed) {
  button.setAttribute("aria-pressed", String(isPressed));
}

/** Whether a key does something in the control that has the focus: an arrow in a slider, a space on a button. */
function isOwnKey({ key, target }) {
  if (target.matches("select")) return true;
  if (key === " ") return target.matches("button, input[type=checkbox], input[type=radio], summary");
  return key.startsWith("Arrow") && target.matches("input[type=range], input[type=radio]");
}

/** The address of a JPEG from Python, for an image; it holds the picture itself. */
function imageOf(view) {
  return `data:image/jpeg;base64,${btoa(String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset, view.byteLength)))}`;
}

/** Send Python a message, and perhaps bytes. A host may close the connection when the kernel dies: `watchKernel` tells, the rest goes on. */
function send(model, content, buffers) {
  try {
    model.send(content, undefined, buffers);
  } catch (error) {
    console.warn(`Python can't be reached: ${error.message}`);
  }
}

/**
 * Call `onChange` with false when the kernel is known or seems to be gone, with true when it is back; returns how to end it.
 * Hosts say so only at times (ipywidgets then changes a class). So when somebody uses the widget, Python is asked for a
 * sign of life, too (see `answer_pings`): a kernel that is busy for long answers late, one that died never does.
 */
function watchKernel(element, onChange, model) {
  let unanswered = null;
  const report = () => onChange(!element.closest(".jupyter-widgets-disconnected"));
  const observer = new MutationObserver(report);
  observer.observe(element, { attributes: true, attributeFilter: ["class"] });
  const ask = () => {
    if (unanswered) return;
    unanswered = setTimeout(() => onChange(false), PATIENCE);
    send(model, { ping: true });
  };
  const hear = (message) => {
    if (!message.pong) return;
    clearTimeout(unanswered);
    unanswered = null;
    report();
  };
  report();
  if (!model) return () => observer.disconnect();
  const signs = ["pointerdown", "keydown"];
  for (const sign of signs) element.addEventListener(sign, ask, { capture: true });
  model.on("msg:custom", hear);
  return () => {
    observer.disconnect();
    clearTimeout(unanswered);
    for (const sign of signs) element.removeEventListener(sign, ask, { capture: true });
    model.off("msg:custom", hear);
  };
}
