// The scatter plot. Thousands of points are drawn on a canvas, once; all else lies over it and is drawn as SVG.
const NARROW = 600, PRINT_WIDTH = 700, CELL = 24;
const SIGNS = {
  recommended: 'M0-9.5 2.4-3.2 9.0-2.9 3.8 1.2 5.6 7.7 0 4.0-5.6 7.7-3.8 1.2-9.0-2.9-2.4-3.2Z',
  builtIn: 'M-5.5-5.5H5.5V5.5H-5.5Z',
  oracle: 'M0-7 6.5 5H-6.5Z',
  baseline: 'M0-6.5 6.5 0 0 6.5-6.5 0Z',
};

let width = 0, height = 0, plot = {}, scaleX, scaleY, isPrinting = false;
// Points with the same values are one place. Places are in the order of x; the grid finds those near a pixel.
let places = [], landmarks = [], grid = new Map();
// For each knob the value that points must have, or -1.
const wanted = knobs.map(() => -1);
let showsInfeasible = true;

const isWanted = point => (showsInfeasible || point.isFeasible) &&
  wanted.every((value, knob) => value < 0 || point.values[knob] === value);
const isShown = point => point.kind !== 'policy' || isRecommended(point) || isWanted(point);
const signOf = point => isRecommended(point) ? 'recommended' : point.kind;

function measure() {
  width = isPrinting ? PRINT_WIDTH : front.clientWidth;
  const isNarrow = width < NARROW;
  height = Math.round(Math.min(Math.max(width * (isNarrow ? 1.05 : 0.62), 320), 560));
  const drawn = points.filter(isDrawn);
  const [xs, ys] = [X, Y].map(axis => drawn.map(point => point.objectives[axis]));
  const [unitX, unitY] = [objectives[X].unit, objectives[Y].unit];
  plot = { top: 30, bottom: height - 44, left: 0, right: width - 12 };
  scaleY = makeScale(ys, unitY, plot.bottom, plot.top, false);
  plot.left = Math.max(...scaleY.ticks.map(tick => textWidth(words(tick, unitY))), 20) + 14;
  scaleX = makeScale(xs, unitX, plot.left, plot.right, true);
  front.style.height = isPrinting ? '' : height + 2 + 'px';
  gather();
  drawCloud();
  drawPlot();
}

function gather() {
  const byValue = new Map();
  for (const point of points) {
    if (!isDrawn(point) || !isShown(point)) continue;
    const key = point.objectives[X] + ' ' + point.objectives[Y];
    const place = byValue.get(key);
    if (place) place.points.push(point);
    else byValue.set(key, { key, points: [point], ...pixelsOf(point) });
  }
  places = [...byValue.values()].sort((a, b) => a.x - b.x || b.y - a.y);
  const notable = new Set([...marked, ...onFront]);
  landmarks = places.filter(place => place.points.some(point => notable.has(point)));
  // What has a name comes first.
  const rank = point => marked.includes(point) ? marked.indexOf(point) : marked.length;
  for (const place of landmarks) place.points.sort((a, b) => rank(a) - rank(b));
  // What was chosen is at other pixels now.
  [chosen, pinned] = [chosen, pinned].map(old => old && byValue.get(old.key) || null);
  grid = new Map();
  for (const place of places) {
    const cell = cellOf(place.x, place.y);
    if (!grid.has(cell)) grid.set(cell, []);
    grid.get(cell).push(place);
  }
}

const pixelsOf = point => ({ x: scaleX.to(point.objectives[X]), y: scaleY.to(point.objectives[Y]) });
const cellOf = (x, y) => Math.floor(x / CELL) * 10_000 + Math.floor(y / CELL);

function near(x, y) {
  const found = [];
  for (const right of [-CELL, 0, CELL]) {
    for (const down of [-CELL, 0, CELL]) found.push(...grid.get(cellOf(x + right, y + down)) || []);
  }
  return found;
}

// The closest place, if one is in reach. Of close ones, that with a name is meant.
function placeAt(x, y) {
  let best = null, least = 18;
  for (const place of near(x, y)) {
    const away = Math.hypot(place.x - x, place.y - y) - (landmarks.includes(place) ? 4 : 0);
    if (away < least) [best, least] = [place, away];
  }
  return best;
}

function drawCloud() {
  const scale = isPrinting ? 3 : window.devicePixelRatio || 1;
  [cloud.width, cloud.height] = [Math.round(width * scale), Math.round(height * scale)];
  const pen = cloud.getContext('2d');
  const radius = places.length > 3000 ? 2.2 : 3;
  const stamps = [false, true].map(isFeasible => stamp(isFeasible, radius, scale));
  for (const isFeasible of [false, true]) {
    const half = stamps[+isFeasible].width / 2;
    for (const place of places) {
      if (!place.points.some(point => point.kind === 'policy' && point.isFeasible === isFeasible)) continue;
      pen.drawImage(stamps[+isFeasible], Math.round(place.x * scale - half), Math.round(place.y * scale - half));
    }
  }
}

// A dot for what meets the constraint, a cross for what does not: colour alone need not tell them apart.
function stamp(isFeasible, radius, scale) {
  const image = document.createElement('canvas');
  image.width = image.height = Math.ceil((radius * 2 + 2) * scale);
  const pen = image.getContext('2d');
  pen.scale(scale, scale);
  pen.translate(radius + 1, radius + 1);
  const colour = getComputedStyle(document.documentElement);
  pen.globalAlpha = places.length > 3000 ? 0.7 : 0.85;
  pen.fillStyle = colour.getPropertyValue('--feasible').trim();
  pen.strokeStyle = colour.getPropertyValue('--infeasible').trim();
  pen.beginPath();
  if (isFeasible) {
    pen.arc(0, 0, radius, 0, 2 * Math.PI);
    pen.fill();
  } else {
    for (const side of [-1, 1]) {
      pen.moveTo(-radius * 0.9, -radius * 0.9 * side);
      pen.lineTo(radius * 0.9, radius * 0.9 * side);
    }
    pen.stroke();
  }
  return image;
}

function drawPlot() {
  const [under, over] = ['under', 'over'].map(name =>
    svg('svg', { class: name, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' }));
  under.append(...axes());
  over.append(...['halo', 'frontier'].map(name => svg('path', { class: name, d: staircase() })));
  const shown = marked.filter(isDrawn);
  const marks = shown.map(point => ({ point, ...pixelsOf(point), text: labelOf(point) }));
  for (const { line, text } of labels(marks)) over.append(...line ? [line] : [], text);
  for (const mark of marks.reverse()) over.append(sign(signOf(mark.point), mark.x, mark.y));
  over.append(
    svg('circle', { class: 'pinned', r: 11, visibility: 'hidden' }),
    svg('circle', { class: 'chosen', r: 8, visibility: 'hidden' }),
  );
  front.replaceChildren(under, cloud, over);
  ring();
}

function axes() {
  const parts = [], [unitX, unitY] = [objectives[X].unit, objectives[Y].unit];
  for (const tick of scaleX.ticks) {
    const x = scaleX.to(tick);
    parts.push(
      svg('line', { class: 'grid', x1: x, x2: x, y1: plot.top, y2: plot.bottom }),
      svg('text', { x, y: plot.bottom + 16, 'text-anchor': 'middle' }, words(tick, unitX)),
    );
  }
  for (const tick of scaleY.ticks) {
    const y = scaleY.to(tick);
    parts.push(
      svg('line', { class: 'grid', x1: plot.left, x2: plot.right, y1: y, y2: y }),
      svg('text', { x: plot.left - 6, y: y + 4, 'text-anchor': 'end' }, words(tick, unitY)),
    );
  }
  const named = (axis, scale) => objectives[axis].title + (scale.isLog ? ' (log scale)' : '');
  parts.push(
    svg('text', { class: 'name', x: 4, y: 16 }, '↑ ' + named(Y, scaleY)),
    svg('text', { class: 'name', x: plot.right, y: height - 8, 'text-anchor': 'end' }, named(X, scaleX) + ' →'),
  );
  return parts;
}

// Between two points of the front nothing is known to exist: the line goes round the corner.
function staircase() {
  const corners = onFront.filter(isDrawn).map(pixelsOf);
  return corners.map(({ x, y }, at) => at ? `H${x}V${y}` : `M${x} ${y}`).join('');
}

function sign(name, x, y) {
  return svg('path', { class: 'sign ' + name, d: SIGNS[name], transform: `translate(${x} ${y})` });
}
