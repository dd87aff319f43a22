// Draws the rows and times that can be seen, and no others, so that thousands of pods stay quick.
const [view, space, canvas, tip, story] =
  ['view', 'space', 'canvas', 'tip', 'story'].map(id => document.getElementById(id));
const pen = canvas.getContext('2d');
const PRINT_MAX = 14000, PRINT_WIDTH = 1000;
const FONT = '12px system-ui, sans-serif', SMALL = '10.5px system-ui, sans-serif';
// What is over is thin, so that colour alone need not tell it from what goes on.
const THIN = new Set([KIND.failed, KIND.succeeded]);

let from = 0, until = chart.durationMs, width = 0, height = 0, names = 0, scale = 1;
let chosen = -1, colours = {}, fills = [], isPrinting = false, isDue = false;

const x = ms => names + (ms - from) / (until - from) * (width - names);
const ms = px => from + (px - names) / (width - names) * (until - from);

function measure() {
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue('--' + name).trim();
  width = isPrinting ? PRINT_WIDTH : view.clientWidth;
  isNarrow = width < NARROW;
  names = isNarrow ? 6 : Math.min(260, Math.round(width * 0.32));
  lay();
  scale = isPrinting ? 1 : window.devicePixelRatio || 1;
  colours = { kinds: chart.kinds.map(colour) };
  for (const name of ['paper', 'ink', 'faint', 'line', 'band', 'focus']) colours[name] = colour(name);
  fills = chart.kinds.map(fill);
  // A border each above and below.
  if (!isPrinting) view.style.height = `min(75vh, ${total + 2}px)`;
  height = isPrinting ? Math.min(total, PRINT_MAX) : Math.min(view.clientHeight, total);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = width + 'px';
  canvas.style.height = height + 'px';
  space.style.height = (isPrinting ? height : total) + 'px';
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  document.querySelectorAll('canvas.sign').forEach(drawSign);
  draw();
}

// The colour of a kind, with a pattern where two could be mistaken for each other.
function fill(name, kind) {
  const pattern = { 'back-off': [[1, 1, 2, 2], [5, 5, 2, 2]], missing: [[0, 0, 2, 8]], fault: [[0, 0, 8, 2]] }[name];
  if (!pattern) return colours.kinds[kind];
  const tile = document.createElement('canvas');
  tile.width = tile.height = 8 * scale;
  const dots = tile.getContext('2d');
  dots.scale(scale, scale);
  dots.fillStyle = colours.kinds[kind];
  dots.fillRect(0, 0, 8, 8);
  dots.globalAlpha = 0.3;
  dots.fillStyle = name === 'back-off' ? colours.ink : colours.paper;
  for (const dot of pattern) dots.fillRect(...dot);
  const repeated = pen.createPattern(tile, 'repeat');
  repeated.setTransform(new DOMMatrix().scale(1 / scale));
  return repeated;
}

function later() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => { isDue = false; draw(); });
}

function draw() {
  const scroll = isPrinting ? 0 : view.scrollTop;
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, width, height);
  drawFaults();
  for (let i = firstVisible(scroll + AXIS); i < entries.length && entries[i].top - scroll < height; i++) {
    drawEntry(entries[i], entries[i].top - scroll, i === chosen);
  }
  drawAxis();
}

function drawFaults() {
  pen.fillStyle = colours.band;
  pen.globalAlpha = 0.08;
  for (const [, , begins, ends] of faults) {
    const [left, right] = [Math.max(x(begins), names), Math.min(x(ends), width)];
    if (right > left) pen.fillRect(left, AXIS, Math.max(right - left, 1), height);
  }
  pen.globalAlpha = 1;
}

function drawEntry(entry, top, isChosen) {
  if (isChosen) {
    pen.fillStyle = colours.line;
    pen.fillRect(0, top, width, entry.height);
    pen.fillStyle = colours.focus;
    pen.fillRect(0, top, 3, entry.height);
  }
  pen.save();
  pen.beginPath();
  pen.rect(names, top, width - names, entry.height);
  pen.clip();
  const begin = top + entry.above;
  if (entry.fold) entry.strips.forEach((strip, lane) => drawStrip(entry, strip, lane, begin + lane * BAND));
  else if (entry.row.levels) drawLevels(entry.row.levels, begin);
  else drawSpans(entry.row.spans, begin);
  drawMarks(entry, begin + entry.lanes * entry.tall / 2);
  pen.restore();
  drawName(entry, top);
}

function drawSpans(spans, begin) {
  for (const [kind, lane, begins, ends] of spans) {
    if (ends < from || begins > until) continue;
    pen.fillStyle = fills[kind];
    const left = x(begins), thin = THIN.has(kind) ? 4 : 0;
    pen.fillRect(left, begin + lane * LANE + 1 + thin, Math.max(x(ends) - left, 3), LANE - 2 - 2 * thin);
  }
}

// How high the bar is says how much; its words stand in it if they fit.
function drawLevels(levels, begin) {
  pen.font = SMALL;
  pen.textBaseline = 'middle';
  for (const [kind, lane, begins, ends, part, text] of levels) {
    if (ends < from || begins > until) continue;
    const left = Math.round(Math.max(x(begins), names)), right = Math.round(Math.min(x(ends), width));
    const low = begin + (lane + 1) * LEVEL - 1, tall = part / 1000 * (LEVEL - 2);
    pen.fillStyle = fills[kind];
    pen.fillRect(left, low - tall, right - left, tall);
    pen.fillStyle = colours.ink;
    const words = chart.texts[text];
    if (part && pen.measureText(words).width + 8 < right - left) pen.fillText(words, left + 4, low - LEVEL / 2 + 1.5);
  }
}

// How many are in which kind, one above the other: what ends well lies at the bottom.
function drawStrip(entry, strip, lane, begin) {
  const counts = sharesOf(entry, strip, lane), tall = BAND - 2;
  const filled = new Float32Array(counts[0].length);
  counts.forEach((count, kind) => {
    if (!count.some(Boolean)) return;
    pen.fillStyle = fills[kind];
    pen.beginPath();
    count.forEach((some, at) => {
      const part = some / strip.length * tall;
      // A bit wider than a column, or else there were seams.
      if (some) pen.rect(names + at, begin + 1 + filled[at], 1.1, part);
      filled[at] += part;
    });
    pen.fill();
  });
}

// The same until somebody moves or zooms.
function sharesOf(entry, strip, lane) {
  const key = [from, until, width].join();
  if (entry.key !== key) Object.assign(entry, { key, counts: [] });
  const columns = Math.max(Math.floor(width - names), 1);
  const column = at => Math.min(Math.floor(x(at) - names), columns);
  return entry.counts[lane] ||= shares(strip, columns, column);
}

// Signs of their own, so that colour alone need not tell them apart.
function outline(pen, name, centre, middle, size) {
  const corners = {
    verdict: [[0, -1], [1, 0], [0, 1], [-1, 0]],
    warned: [[0, -1], [1, 0.8], [-1, 0.8]],
    'by-hand': [[-0.8, -0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, 0.8]],
    removed: [[-1, -0.6], [-0.6, -1], [0, -0.4], [0.6, -1], [1, -0.6], [0.4, 0], [1, 0.6], [0.6, 1], [0, 0.4],
      [-0.6, 1], [-1, 0.6], [-0.4, 0]],
  }[name];
  pen.beginPath();
  if (corners) corners.forEach(([right, down]) => pen.lineTo(centre + right * size, middle + down * size));
  else pen.arc(centre, middle, size * 0.85, 0, 2 * Math.PI);
  pen.closePath();
  pen.fill();
  pen.stroke();
}

function drawMarks(entry, middle) {
  const seen = entry.marks.filter(([, at]) => at >= from && at <= until);
  pen.strokeStyle = colours.paper;
  for (const [kind, at] of seen) {
    pen.fillStyle = colours.kinds[kind];
    outline(pen, chart.kinds[kind], x(at), middle, 6);
  }
  const taken = [];
  for (const label of labels(seen)) drawLabel(label, middle, taken);
}

// Verdicts that lie together have one label, with their number.
function labels(marks) {
  const found = [];
  for (const [, at, , text] of marks) {
    if (text === null) continue;
    const last = found.findLast(label => label.text === text);
    if (last && x(at) - x(last.last) < 24) Object.assign(last, { last: at, count: last.count + 1 });
    else found.push({ text, first: at, last: at, count: 1 });
  }
  return found;
}

// Behind the sign if there is room, or else before it; never over another label.
function drawLabel({ text, first, last, count }, middle, taken) {
  const words = (count > 1 ? count + ' × ' : '') + chart.texts[text];
  pen.font = FONT;
  pen.textBaseline = 'middle';
  const wide = pen.measureText(words).width + 8;
  const isFree = left => left >= names && left + wide <= width &&
    taken.every(([start, end]) => left >= end || left + wide <= start);
  const left = [x(last) + 6, x(first) - 6 - wide].find(isFree);
  if (left === undefined) return;
  taken.push([left, left + wide]);
  pen.fillStyle = colours.paper;
  pen.fillRect(left, middle - 7, wide, 14);
  pen.fillStyle = colours.ink;
  pen.fillText(words, left + 4, middle + 1);
}

function drawName(entry, top) {
  const sign = !entry.fold ? '' : unfolded.has(entry.fold) ? '▾ ' : '▸ ';
  const left = 5 + entry.depth * 10;
  pen.fillStyle = colours.ink;
  pen.font = (entry.isHead ? '600 ' : '') + FONT;
  pen.textBaseline = 'middle';
  const room = (isNarrow ? width : names) - left - 4;
  const middle = isNarrow ? GAP / 2 + NAME / 2 : entry.height / 2;
  pen.fillText(fitting(sign + entry.name, room), left, top + middle);
}

// The end of a name tells pods apart, so the middle is cut.
function fitting(text, room) {
  if (pen.measureText(text).width <= room) return text;
  let keep = text.length - 1;
  const cut = () => text.slice(0, Math.ceil(keep / 2)) + '…' + text.slice(text.length - Math.floor(keep / 2));
  while (keep > 2 && pen.measureText(cut()).width > room) keep--;
  return cut();
}

function drawAxis() {
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, width, AXIS);
  pen.font = FONT;
  pen.textBaseline = 'middle';
  const steps = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 604800].map(s => s * 1000);
  const wanted = (until - from) / Math.max((width - names) / 90, 1);
  const step = steps.find(step => step >= wanted) || 2592000000;
  for (let at = Math.ceil(from / step) * step; at <= until; at += step) {
    pen.fillStyle = colours.line;
    pen.globalAlpha = 0.7;
    pen.fillRect(x(at), AXIS - 6, 1, height);
    pen.globalAlpha = 1;
    pen.fillStyle = colours.faint;
    pen.textAlign = x(at) > width - 40 ? 'right' : 'left';
    pen.fillText(clock(at), x(at) + (pen.textAlign === 'left' ? 3 : -3), AXIS / 2);
  }
  pen.textAlign = 'left';
}

// The legend shows what the picture shows.
function drawSign(sign) {
  const kind = Number(sign.dataset.kind), small = sign.getContext('2d');
  sign.width = 26 * scale;
  sign.height = LANE * scale;
  small.scale(scale, scale);
  small.fillStyle = fills[kind];
  small.strokeStyle = colours.paper;
  if ('sign' in sign.dataset) outline(small, chart.kinds[kind], 13, LANE / 2, 6);
  else if (THIN.has(kind)) small.fillRect(0, 5, 26, LANE - 10);
  else small.fillRect(0, 1, 26, LANE - 2);
}
