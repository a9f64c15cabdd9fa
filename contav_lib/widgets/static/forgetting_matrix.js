// The numbers of a task matrix R, [T][T], null where not measured: R[i][j] = score on task j after learning task i.

const measuredRows = (matrix) => 1 + matrix.findLastIndex((row) => row.some((value) => value !== null));

/**
 * Average, forgetting and backward transfer of what is measured so far; each {value, parts, cells, count}: `parts` are
 * the numbers that the formula takes together, pairs [a, b] for a - b; `cells` are the cells [i, j] that it takes them from.
 */
function measures(matrix) {
  const tasks = measuredRows(matrix);
  if (!tasks) return null;
  const last = tasks - 1;
  const old = Array.from({ length: last }, (_, j) => j);
  const column = (j) => matrix.slice(0, last).map((row) => row[j] ?? -Infinity);
  const best = (j) => column(j).indexOf(Math.max(...column(j)));
  const mean = (numbers) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const differences = (pairs) => ({
    parts: pairs.map(([[i, j], [k, l]]) => [matrix[i][j], matrix[k][l]]),
    cells: pairs.flat(),
    count: pairs.length,
    value: pairs.length ? mean(pairs.map(([[i, j], [k, l]]) => (matrix[i][j] ?? NaN) - (matrix[k][l] ?? NaN))) : 0,
  });
  const seen = matrix[last].flatMap((value, j) => (value === null ? [] : [j]));
  return {
    average: {
      parts: seen.map((j) => [matrix[last][j]]),
      cells: seen.map((j) => [last, j]),
      count: seen.length,
      value: mean(seen.map((j) => matrix[last][j])),
    },
    forgetting: differences(old.map((j) => [[best(j), j], [last, j]])),
    transfer: differences(old.map((j) => [[last, j], [j, j]])),
  };
}

/** The limits of an axis in dB: multiples of 5 round all values, 0 among them. */
function limits(matrices) {
  const values = matrices.flat(2).filter((value) => value !== null);
  const low = Math.floor(Math.min(0, ...values) / 5) * 5;
  const high = Math.ceil(Math.max(0, ...values) / 5) * 5;
  return [low, Math.max(high, low + 5)];
}

/** A line a task: its column of the matrix, from when it was learned on. */
function lineChart(matrix, [low, high], scoreName) {
  const [width, height, left, right, top, bottom] = [300, 150, 32, 42, 8, 22];
  const tasks = matrix.length;
  const x = (i) => left + (tasks > 1 ? (i / (tasks - 1)) * (width - left - right) : 0);
  const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
  const step = high - low > 25 ? 10 : 5;
  const marks = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, k) => low + k * step);
  const grid = marks.flatMap((value) => [
    makeSvg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: value === 0 ? "zero" : "grid" }),
    makeSvg("text", { x: left - 5, y: y(value) + 3.5, "text-anchor": "end" }, decimals(value, 0)),
  ]);
  const names = matrix.map((_, i) => makeSvg("text", { x: x(i), y: height - 7, "text-anchor": "middle" }, String(i + 1)));
  const ends = [];
  const lines = matrix.flatMap((_, j) => {
    const points = matrix.flatMap((row, i) => (row[j] === null ? [] : [[x(i), y(row[j]), i]]));
    if (!points.length) return [];
    const colour = TASK_COLOURS[j % TASK_COLOURS.length];
    ends.push({ at: points.at(-1)[1], x: points.at(-1)[0], text: `task ${j + 1}`, colour });
    return [
      makeSvg("polyline", { points: points.map(([px, py]) => `${px},${py}`).join(" "), stroke: colour, class: "course" }),
      ...points.map(([px, py, i]) => makeSvg("circle", { cx: px, cy: py, r: 3, fill: colour },
        makeSvg("title", {}, `after task ${i + 1}, on task ${j + 1}: ${decimals(matrix[i][j], 2)} dB`))),
    ];
  });
  ends.sort((a, b) => a.at - b.at).forEach((end, k) => {
    end.at = Math.max(end.at, k ? ends[k - 1].at + 11 : 0); // names must not lie upon one another
  });
  const excess = Math.max(0, (ends.at(-1)?.at ?? 0) - (height - bottom));
  const labels = ends.map((end) => makeSvg("text", { x: end.x + 6, y: end.at - excess + 3.5, class: "end", style: `fill: color-mix(in srgb, ${end.colour} 50%, var(--contav-ink))` }, end.text));
  const label = `${scoreName} in dB against tasks learned, a line a task`;
  return makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...grid, ...names, ...lines, ...labels);
}
