'use strict';
// Lays out the chart that lies in the page as JSON: which rows there are, and where. Times are milliseconds from the
// start; texts and kinds are places in the chart's lists.
const chart = JSON.parse(document.getElementById('chart').textContent);
const KIND = Object.fromEntries(chart.kinds.map((name, place) => [name, place]));
// Pixels: the axis, a lane of a row, of a queue and of a band, the room between rows, a name above its row.
const AXIS = 26, LANE = 14, LEVEL = 18, BAND = 30, GAP = 6, NAME = 16;
// On narrower screens names stand above their rows, where all of them can be read.
const NARROW = 600;

// What is drawn, from the top: rows, and bands of folded ones.
let entries = [], total = AXIS, isNarrow = false;
const unfolded = new Set();
const folds = [...chart.folds, ...chart.groups.flatMap(group => group.folds)];
// Faults are shown behind all rows.
const faults = chart.groups.flatMap(group => group.rows)
  .flatMap(row => row.spans.filter(([kind]) => kind === KIND.fault));

function lay() {
  entries = [];
  total = AXIS;
  walk(chart.groups, chart.folds, 0, (group, depth) => {
    addRow(group.head, depth, true);
    walk(group.rows, group.folds, depth + 1, addRow);
  });
}

// Each item in order, but what is folded only as a band, at the place of its first.
function walk(items, folds, depth, add) {
  const foldOf = new Map(folds.flatMap(fold => fold.of.map(place => [place, fold])));
  items.forEach((item, place) => {
    const fold = foldOf.get(place);
    if (!fold) return add(item, depth);
    if (place !== fold.of[0]) return;
    const members = fold.of.map(member => items[member]);
    addBand(fold, members, depth);
    if (unfolded.has(fold)) for (const member of members) add(member, depth + 1);
  });
}

function addRow(row, depth, isHead = false) {
  const isEmpty = !row.spans.length && !row.marks.length && !row.levels;
  const lanes = isEmpty && isNarrow ? 0 : Math.max(row.lanes, 1);
  place({ name: row.name, row, depth, isHead, lanes, tall: row.levels ? LEVEL : LANE, marks: row.marks });
}

// A band has a strip for each container; that of Jobs has one for them and one for their pods.
function addBand(fold, members, depth) {
  const areGroups = members[0].head !== undefined;
  const rows = areGroups ? members.flatMap(group => [group.head, ...group.rows]) : members;
  const ofLane = lane => rows.map(row => row.spans.filter(span => span[1] === lane));
  const strips = areGroups
    ? [members.map(group => group.head.spans), members.flatMap(group => group.rows.map(row => row.spans))]
    : Array.from({ length: Math.max(...rows.map(row => row.lanes)) }, (_, lane) => ofLane(lane));
  const marks = rows.flatMap(row => row.marks).sort((a, b) => a[1] - b[1]);
  place({ name: fold.name, fold, depth, isHead: areGroups, strips, lanes: strips.length, tall: BAND, marks });
}

function place(entry) {
  entry.above = GAP / 2 + (isNarrow ? NAME : 0);
  entry.height = entry.above + entry.lanes * entry.tall + GAP / 2;
  entry.top = total;
  total += entry.height;
  entries.push(entry);
}

function firstVisible(top) {
  let low = 0, high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle].top + entries[middle].height <= top) low = middle + 1; else high = middle;
  }
  return low;
}

// How many members of a strip are in which kind, in each column of the picture. What is drawn last counts.
function shares(strip, columns, column) {
  const counts = chart.kinds.map(() => new Uint16Array(columns));
  const shown = new Int8Array(columns);
  for (const spans of strip) {
    shown.fill(-1);
    for (const [kind, , begins, ends] of spans) {
      const left = Math.max(column(begins), 0);
      shown.fill(kind, left, Math.max(column(ends), left + 1));
    }
    for (let at = 0; at < columns; at++) if (shown[at] >= 0) counts[shown[at]][at]++;
  }
  return counts;
}

function clock(ms) {
  const s = Math.floor(ms / 1000), part = ms % 1000;
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  const seconds = s % 60 || part || s < 60 ? (s % 60) + (part ? '.' + String(part).padStart(3, '0').replace(/0+$/, '') : '') + 's' : '';
  return (h ? h + 'h' : '') + (m ? m + 'm' : '') + (seconds || (h || m ? '' : '0s'));
}
