'use strict';
// Draws the chart that lies in the page as JSON: only rows and times that can be seen, so that thousands of pods stay
// quick. Times are milliseconds from the start; texts and kinds are places in the chart's lists.
const chart = JSON.parse(document.getElementById('chart').textContent);
const [view, space, canvas, tip, story] =
  ['view', 'space', 'canvas', 'tip', 'story'].map(id => document.getElementById(id));
const pen = canvas.getContext('2d');
const AXIS = 26, LANE = 14, GAP = 6, PRINT_MAX = 14000;

// Every row with its place from the top.
const rows = [];
let total = AXIS;
for (const group of chart.groups) {
  for (const row of [group.head, ...group.rows]) {
    const height = Math.max(row.lanes, 1) * LANE + GAP;
    rows.push({ row, top: total, height, isHead: row === group.head });
    total += height;
  }
}
// What troubles the cluster is shown behind all rows.
const TROUBLE = chart.kinds.indexOf('trouble');
const bands = rows.flatMap(({ row }) => row.spans.filter(([kind]) => kind === TROUBLE));

let from = 0, until = chart.durationMs, width = 0, height = 0, names = 0;
let chosen = -1, colours = {}, isPrinting = false, isDue = false;

const x = ms => names + (ms - from) / (until - from) * (width - names);
const ms = px => from + (px - names) / (width - names) * (until - from);

function clock(ms) {
  const s = Math.floor(ms / 1000), part = ms % 1000;
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  const seconds = s % 60 || part || s < 60 ? (s % 60) + (part ? '.' + String(part).padStart(3, '0').replace(/0+$/, '') : '') + 's' : '';
  return (h ? h + 'h' : '') + (m ? m + 'm' : '') + (seconds || (h || m ? '' : '0s'));
}

function measure() {
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue('--' + name).trim();
  colours = { kinds: chart.kinds.map(colour) };
  for (const name of ['paper', 'ink', 'faint', 'line', 'band', 'focus']) colours[name] = colour(name);
  width = view.clientWidth;
  height = isPrinting ? Math.min(total, PRINT_MAX) : Math.min(view.clientHeight, total);
  names = Math.min(260, Math.round(width * 0.32));
  const scale = isPrinting ? 1 : window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = width + 'px';
  canvas.style.height = height + 'px';
  space.style.height = (isPrinting ? height : total) + 'px';
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  draw();
}

function later() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => { isDue = false; draw(); });
}

function firstVisible(top) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height <= top) low = middle + 1; else high = middle;
  }
  return low;
}

function draw() {
  const scroll = isPrinting ? 0 : view.scrollTop;
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, width, height);
  drawBands();
  for (let i = firstVisible(scroll + AXIS); i < rows.length && rows[i].top - scroll < height; i++) {
    drawRow(rows[i], rows[i].top - scroll, i === chosen);
  }
  drawAxis();
}

function drawBands() {
  pen.fillStyle = colours.band;
  pen.globalAlpha = 0.08;
  for (const [, , begins, ends] of bands) {
    const [left, right] = [Math.max(x(begins), names), Math.min(x(ends), width)];
    if (right > left) pen.fillRect(left, AXIS, Math.max(right - left, 1), height);
  }
  pen.globalAlpha = 1;
}

function drawRow({ row, height: tall, isHead }, top, isChosen) {
  if (isChosen) {
    pen.fillStyle = colours.line;
    pen.fillRect(0, top, width, tall);
  }
  pen.save();
  pen.beginPath();
  pen.rect(names, top, width - names, tall);
  pen.clip();
  for (const [kind, lane, begins, ends] of row.spans) {
    if (ends < from || begins > until) continue;
    pen.fillStyle = colours.kinds[kind];
    const left = x(begins);
    pen.fillRect(left, top + GAP / 2 + lane * LANE + 1, Math.max(x(ends) - left, 3), LANE - 2);
  }
  for (const [kind, at] of row.marks) {
    if (at < from || at > until) continue;
    const [centre, middle, size] = [x(at), top + tall / 2, 6];
    pen.fillStyle = colours.kinds[kind];
    pen.strokeStyle = colours.paper;
    pen.beginPath();
    pen.moveTo(centre, middle - size);
    pen.lineTo(centre + size, middle);
    pen.lineTo(centre, middle + size);
    pen.lineTo(centre - size, middle);
    pen.closePath();
    pen.fill();
    pen.stroke();
  }
  pen.restore();
  pen.fillStyle = colours.ink;
  pen.font = (isHead ? '600 ' : '') + '12px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  pen.fillText(fitting(row.name, names - (isHead ? 8 : 18)), isHead ? 4 : 14, top + tall / 2);
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
  pen.font = '12px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  const steps = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 604800].map(s => s * 1000);
  const wanted = (until - from) / Math.max((width - names) / 90, 1);
  const step = steps.find(step => step >= wanted) || 2592000000;
  for (let at = Math.ceil(from / step) * step; at <= until; at += step) {
    pen.fillStyle = colours.line;
    pen.fillRect(x(at), AXIS - 6, 1, height);
    pen.fillStyle = colours.faint;
    pen.textAlign = x(at) > width - 40 ? 'right' : 'left';
    pen.fillText(clock(at), x(at) + (pen.textAlign === 'left' ? 3 : -3), AXIS / 2);
  }
  pen.textAlign = 'left';
}

function show(nextFrom, nextUntil) {
  const span = Math.min(Math.max(nextUntil - nextFrom, 1000), chart.durationMs);
  from = Math.min(Math.max(nextFrom, 0), chart.durationMs - span);
  until = from + span;
  later();
}

function zoom(factor, around = (from + until) / 2) {
  show(around - (around - from) * factor, around + (until - around) * factor);
}

const pan = part => show(from + part * (until - from), until + part * (until - from));

function rowAt(y) {
  const place = y + view.scrollTop;
  return y < AXIS ? -1 : Math.min(firstVisible(place), rows.length - 1);
}

// What is under the pointer: marks before spans, and the last drawn before those below it.
function under(px, y) {
  const place = rowAt(y);
  if (place < 0) return null;
  const { row, top } = rows[place];
  if (px < names) return row.name;
  const mark = row.marks.findLast(([, at]) => Math.abs(x(at) - px) <= 7);
  if (mark) return `${clock(mark[1])}: ${chart.texts[mark[2]]}`;
  const lane = Math.floor((y + view.scrollTop - top - GAP / 2) / LANE);
  const span = row.spans.findLast(([, in_, begins, ends]) =>
    in_ === lane && x(begins) - 1 <= px && px <= Math.max(x(ends), x(begins) + 3) + 1);
  return span ? `${clock(span[2])} – ${clock(span[3])}: ${chart.texts[span[4]]}` : row.name;
}

function choose(place) {
  if (!rows.length) return;
  chosen = Math.min(Math.max(place, 0), rows.length - 1);
  const { row, top, height: tall } = rows[chosen];
  if (top - AXIS < view.scrollTop) view.scrollTop = top - AXIS;
  if (top + tall > view.scrollTop + view.clientHeight) view.scrollTop = top + tall - view.clientHeight;
  const table = document.createElement('table');
  for (const [at, text] of row.lines) {
    const line = table.insertRow();
    line.insertCell().textContent = clock(at);
    line.insertCell().textContent = chart.texts[text];
  }
  const heading = document.createElement('h3');
  heading.textContent = row.name;
  story.replaceChildren(heading, row.lines.length ? table : 'Nothing is told of it.');
  later();
}

view.addEventListener('scroll', later, { passive: true });
view.addEventListener('wheel', event => {
  if (event.ctrlKey || event.metaKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, ms(event.offsetX));
  else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX || event.deltaY) / width);
  else return;
  event.preventDefault();
}, { passive: false });

let drag = null;
canvas.addEventListener('pointerdown', event => {
  drag = { px: event.clientX, from, until, moved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener('pointermove', event => {
  if (drag) {
    const by = (event.clientX - drag.px) / (width - names) * (drag.until - drag.from);
    drag.moved ||= Math.abs(event.clientX - drag.px) > 4;
    if (drag.moved) show(drag.from - by, drag.until - by);
  }
  const words = under(event.offsetX, event.offsetY);
  tip.hidden = !words || (drag && drag.moved);
  tip.textContent = words || '';
  tip.style.left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8) + 'px';
  tip.style.top = Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8) + 'px';
});
canvas.addEventListener('pointerup', event => {
  const place = rowAt(event.offsetY);
  if (drag && !drag.moved && place >= 0) choose(place);
  drag = null;
});
canvas.addEventListener('pointercancel', () => { drag = null; });
canvas.addEventListener('pointerleave', () => { tip.hidden = true; });
view.addEventListener('keydown', event => {
  const act = {
    ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), ArrowUp: () => choose(chosen - 1),
    ArrowDown: () => choose(chosen + 1), Home: () => choose(0), End: () => choose(rows.length - 1),
    PageUp: () => choose(chosen - 20), PageDown: () => choose(chosen + 20),
    '+': () => zoom(0.8), '=': () => zoom(0.8), '-': () => zoom(1.25), 0: () => show(0, chart.durationMs),
  }[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  act();
  event.preventDefault();
});
document.getElementById('in').onclick = () => zoom(0.5);
document.getElementById('out').onclick = () => zoom(2);
document.getElementById('all').onclick = () => show(0, chart.durationMs);

// On paper all rows are drawn, as far as a canvas can be that long.
for (const [name, prints] of [['beforeprint', true], ['afterprint', false]]) {
  window.addEventListener(name, () => {
    isPrinting = prints;
    document.documentElement.toggleAttribute('data-printing', prints);
    measure();
  });
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', measure);
new ResizeObserver(measure).observe(view);
view.style.height = `min(70vh, ${total + 2}px)`;
measure();
