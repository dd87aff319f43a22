// What people do with the page: moving, zooming, choosing and unfolding.
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

function entryAt(y) {
  const place = y + view.scrollTop;
  return y < AXIS ? -1 : Math.min(firstVisible(place), entries.length - 1);
}

// What is under the pointer: marks before spans, and the last drawn before those below it.
function under(px, y) {
  const place = entryAt(y);
  if (place < 0) return null;
  const entry = entries[place], down = y + view.scrollTop - entry.top - entry.above;
  if (px < names || down < 0) return entry.name;
  const mark = entry.marks.findLast(([, at]) => Math.abs(x(at) - px) <= 7);
  if (mark) return `${clock(mark[1])}: ${chart.texts[mark[2]]}`;
  const lane = Math.floor(down / entry.tall);
  return (entry.fold ? inBand(entry, lane, px) : inRow(entry.row, lane, px)) || entry.name;
}

function inRow(row, lane, px) {
  const isHere = ([, in_, begins, ends]) =>
    in_ === lane && x(begins) - 1 <= px && px <= Math.max(x(ends), x(begins) + 3) + 1;
  const span = row.spans.findLast(isHere) || (row.levels || []).findLast(isHere);
  return span && `${clock(span[2])} – ${clock(span[3])}: ${chart.texts[span.at(-1)]}`;
}

function inBand(entry, lane, px) {
  if (!entry.strips[lane]) return null;
  const column = Math.floor(px - names);
  const parts = sharesOf(entry, entry.strips[lane], lane)
    .map((count, kind) => count[column] ? `${count[column]} × ${chart.words[kind]}` : null);
  return [`about ${clock(Math.round(ms(px) / 1000) * 1000)}`, ...parts.filter(Boolean)].join('\n');
}

function choose(place) {
  if (!entries.length) return;
  chosen = Math.min(Math.max(place, 0), entries.length - 1);
  const entry = entries[chosen];
  if (entry.top - AXIS < view.scrollTop) view.scrollTop = entry.top - AXIS;
  if (entry.top + entry.height > view.scrollTop + view.clientHeight) {
    view.scrollTop = entry.top + entry.height - view.clientHeight;
  }
  tell(entry);
  later();
}

function tell({ name, row, fold }) {
  const table = document.createElement('table');
  for (const line of (fold || row).lines) {
    const [at, text] = [line[0], line.at(-1)];
    const cells = table.insertRow();
    const when = fold ? [at, line[1]].map(at => clock(Math.round(at / 1000) * 1000)) : [clock(at)];
    cells.insertCell().textContent = [...new Set(when)].join(' – ');
    cells.insertCell().textContent = chart.texts[text];
  }
  const heading = document.createElement('h3');
  heading.textContent = name;
  const told = [heading];
  if (fold) told.push(`The same story ${fold.of.length} times; Enter or a click ${unfolded.has(fold) ? 'folds' : 'unfolds'} it.`);
  told.push(table.rows.length ? table : fold ? '' : 'Nothing is told of it.');
  story.replaceChildren(...told);
}

// Unfolds a band, or folds it again; a row that is no band stays as it is.
function toggle(place) {
  const fold = entries[place] && entries[place].fold;
  if (!fold) return;
  if (!unfolded.delete(fold)) unfolded.add(fold);
  changed();
  choose(entries.findIndex(entry => entry.fold === fold));
}

function changed() {
  const chosenEntry = entries[chosen];
  measure();
  chosen = chosenEntry ? entries.findIndex(entry => entry.name === chosenEntry.name) : -1;
  foldAll.textContent = unfolded.size ? 'fold all' : 'unfold all';
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
  const place = entryAt(event.offsetY);
  if (drag && !drag.moved && place >= 0) {
    choose(place);
    toggle(place);
  }
  drag = null;
});
canvas.addEventListener('pointercancel', () => { drag = null; });
canvas.addEventListener('pointerleave', () => { tip.hidden = true; });
view.addEventListener('keydown', event => {
  const act = {
    ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), ArrowUp: () => choose(chosen - 1),
    ArrowDown: () => choose(chosen + 1), Home: () => choose(0), End: () => choose(entries.length - 1),
    PageUp: () => choose(chosen - 20), PageDown: () => choose(chosen + 20),
    Enter: () => toggle(chosen), ' ': () => toggle(chosen),
    '+': () => zoom(0.8), '=': () => zoom(0.8), '-': () => zoom(1.25), 0: () => show(0, chart.durationMs),
  }[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  act();
  event.preventDefault();
});
document.getElementById('in').onclick = () => zoom(0.5);
document.getElementById('out').onclick = () => zoom(2);
document.getElementById('all').onclick = () => show(0, chart.durationMs);
const foldAll = document.getElementById('fold');
foldAll.hidden = !folds.length;
foldAll.onclick = () => {
  if (unfolded.size) unfolded.clear();
  else for (const fold of folds) unfolded.add(fold);
  changed();
};

// On paper all rows are drawn, as far as a canvas can be that long.
for (const [name, prints] of [['beforeprint', true], ['afterprint', false]]) {
  window.addEventListener(name, () => {
    isPrinting = prints;
    document.documentElement.toggleAttribute('data-printing', prints);
    measure();
  });
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', measure);
new ResizeObserver(() => { if (!isPrinting && view.clientWidth !== width) measure(); }).observe(view);
measure();
