'use strict';
// The summary that lies in the page as JSON, its values in words, and elements to show them in.
const summary = JSON.parse(document.getElementById('summary').textContent);
const { objectives, knobs, points } = summary;
const [X, Y] = summary.axes;
// Without two objectives there is nothing to draw.
const hasAxes = X < objectives.length && Y < objectives.length;
const find = id => document.getElementById(id);
const [front, cloud, story, tip, said] = ['front', 'cloud', 'story', 'tip', 'said'].map(find);

const isRecommended = point => point === points[summary.recommended];
const builtIn = points.find(point => point.kind === 'builtIn');
const oracle = points.find(point => point.kind === 'oracle');
// What has a sign and a label of its own, the most important first.
const marked = [points[summary.recommended], builtIn, oracle, ...points.filter(point => point.kind === 'baseline')]
  .filter((point, place, all) => point && all.indexOf(point) === place);
const onFront = summary.front.map(place => points[place]).filter(Boolean);
const isDrawn = point => point.objectives[X] !== null && point.objectives[Y] !== null;

function nameOf(point) {
  return (point.kind === 'policy' ? 'policy ' : '') + point.name;
}

// What a point is, beside its name.
function roleOf(point) {
  const roles = {
    builtIn: 'the built-in policy', oracle: 'the limit: it knows the truth', baseline: 'a rule of another tool',
  };
  const role = [roles[point.kind], isRecommended(point) && 'recommended', onFront.includes(point) && 'on the front'];
  return role.filter(Boolean).join(', ');
}

// Making a format takes longer than using it a hundred times: there is one for each number of digits.
const formats = [0, 1, 2, 3, 4].map(digits => new Intl.NumberFormat('en-US', { maximumFractionDigits: digits }));
const number = (value, digits = 0) => formats[digits].format(value);

// The same words as those of the tables.
function words(value, unit) {
  if (value === null || value === undefined) return '–';
  if (unit === 'milliseconds') return time(value);
  return unit === 'millihours' ? hours(value) + ' h' : number(value);
}

function time(ms) {
  const to = ms < 10_000 ? 1 : ms < 36_000_000 ? 1000 : 60_000;
  const total = Math.round(ms / to) * to;
  const [h, m, s] = [Math.floor(total / 3_600_000), Math.floor(total / 60_000) % 60, total % 60_000 / 1000];
  return (h ? h + 'h' : '') + (m ? m + 'm' : '') + (s || !total ? s + 's' : '');
}

function hours(millihours) {
  const digits = millihours < 1000 ? 3 : millihours < 10_000 ? 2 : millihours < 100_000 ? 1 : 0;
  return number(millihours / 1000, digits);
}

function difference(from, to, unit) {
  if (typeof from !== 'number' || typeof to !== 'number') return '';
  if (from === to) return '±0';
  return (to < from ? '−' : '+') + words(Math.abs(to - from), unit);
}

function percent(ppm) {
  const digits = ppm >= 10_000 ? 1 : ppm ? 1 - Math.floor(Math.log10(ppm / 10_000)) : 0;
  return number(ppm / 10_000, Math.min(digits, 4)) + ' %';
}

const inX = point => words(point.objectives[X], objectives[X].unit);
const inY = point => words(point.objectives[Y], objectives[Y].unit);

function html(name, attributes = {}, ...inside) {
  return filled(document.createElement(name), attributes, inside);
}

function svg(name, attributes = {}, ...inside) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, inside);
}

function filled(element, attributes, inside) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}
