// What people do with the page: pointing, keys, filters and sorting.
function addFilters() {
  const tools = find('filters'), count = html('small', { id: 'count' });
  const policies = points.filter(point => point.kind === 'policy');
  const tellCount = () => {
    count.textContent = `${number(policies.filter(isWanted).length)} of ${number(policies.length)} policies shown`;
  };
  const changed = () => {
    gather();
    drawCloud();
    drawPlot();
    tellCount();
  };
  const selects = knobs.map((knob, at) => {
    const select = html('select', {}, html('option', { value: -1 }, 'any'),
      ...knob.values.map((value, place) => html('option', { value: place }, value)));
    select.onchange = () => { wanted[at] = Number(select.value); changed(); };
    tools.append(html('label', {}, html('code', {}, knob.path), select));
    return select;
  });
  const box = html('input', { type: 'checkbox', checked: '' });
  box.onchange = () => { showsInfeasible = box.checked; changed(); };
  const reset = html('button', { type: 'button' }, 'show all');
  reset.onclick = () => {
    for (const select of selects) select.value = -1;
    wanted.fill(-1);
    showsInfeasible = box.checked = true;
    changed();
  };
  tools.append(html('label', { class: 'check' }, box, 'also what does not meet the constraint'), reset, count);
  tellCount();
}

function addLegend() {
  const item = (picture, text) =>
    html('li', {}, svg('svg', { viewBox: '-10 -10 20 20', 'aria-hidden': 'true' }, picture), text);
  const kinds = new Set(marked.map(signOf));
  const named = {
    recommended: 'recommended', builtIn: 'built-in policy', oracle: 'oracle: the limit',
    baseline: 'rule of another tool',
  };
  find('legend').replaceChildren(
    item(svg('circle', { class: 'feasible', r: 4 }), 'meets the constraint'),
    item(svg('path', { class: 'infeasible', d: 'M-4-4 4 4M-4 4 4-4' }), 'does not'),
    item(svg('path', { class: 'frontier', d: 'M-9-6H0V6H9' }), 'Pareto front'),
    ...Object.entries(named).filter(([kind]) => kinds.has(kind)).map(([kind, text]) => item(sign(kind, 0, 0), text)),
  );
}

// What has no place in the picture is named below it.
function tellMissing() {
  const missing = points.filter(point => !isDrawn(point));
  const named = missing.filter(point => point.kind !== 'policy').map(nameOf);
  const count = missing.length - named.length;
  if (count) named.push(count === 1 ? 'one policy' : `${number(count)} policies`);
  if (!named.length) return;
  find('missing').append(html('small', {}, `Not in the picture, since nothing was measured: ${named.join(', ')}.`));
}

function step(list, by) {
  const at = list.indexOf(chosen);
  if (!list.length) return;
  const isStart = place => chosen ? place.x >= chosen.x : place.points.some(isRecommended);
  const start = list.findIndex(isStart);
  const next = at >= 0 ? at + by : Math.max(start, 0);
  choose(list[Math.min(Math.max(next, 0), list.length - 1)], true);
}

front.addEventListener('keydown', event => {
  const far = Math.max(Math.round(places.length / 20), 1);
  const act = {
    ArrowLeft: () => step(places, -1), ArrowRight: () => step(places, 1),
    ArrowUp: () => step(landmarks, -1), ArrowDown: () => step(landmarks, 1),
    PageUp: () => step(places, -far), PageDown: () => step(places, far),
    Home: () => choose(places[0], true), End: () => choose(places.at(-1), true),
    Enter: () => pin(chosen), ' ': () => pin(chosen), Escape: () => { pin(null); choose(null); },
  }[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  act();
  tip.hidden = true;
  event.preventDefault();
});

function pointed(event) {
  const box = front.getBoundingClientRect();
  return placeAt(event.clientX - box.left - front.clientLeft, event.clientY - box.top - front.clientTop);
}

front.addEventListener('pointermove', event => {
  const place = pointed(event);
  if (place) choose(place);
  showTip(place, event.clientX, event.clientY);
});
front.addEventListener('pointerleave', () => { tip.hidden = true; });
front.addEventListener('click', event => {
  const place = pointed(event);
  if (!place) return;
  choose(place);
  pin(place);
});

// Numbers largest first, then the other way round; names by the alphabet.
function sortBy(heading) {
  const table = heading.closest('table'), column = heading.cellIndex, isNumber = heading.classList.contains('number');
  const order = heading.getAttribute('aria-sort');
  const isDown = isNumber ? order !== 'descending' : order === 'ascending';
  for (const other of table.querySelectorAll('th[aria-sort]')) other.setAttribute('aria-sort', 'none');
  heading.setAttribute('aria-sort', isDown ? 'descending' : 'ascending');
  const key = row => {
    const cell = row.cells[column], number = cell.dataset.key;
    return !isNumber ? cell.textContent : number === '' ? -Infinity : Number(number);
  };
  const compare = (a, b) => isNumber ? key(a) - key(b) || 0 : key(a).localeCompare(key(b), 'en');
  const rows = [...table.tBodies[0].rows].sort((a, b) => isDown ? compare(b, a) : compare(a, b));
  table.tBodies[0].append(...rows);
}

for (const heading of document.querySelectorAll('.sorted th[aria-sort]')) {
  const button = html('button', { type: 'button' }, heading.textContent);
  button.onclick = () => sortBy(heading);
  heading.replaceChildren(button);
}

function drawAll() {
  if (hasAxes && points.some(isDrawn)) {
    measure();
    drawSlices();
  } else find('trade').classList.add('empty');
  drawTimes();
}

// Paper is light, and has a width of its own.
for (const [name, prints] of [['beforeprint', true], ['afterprint', false]]) {
  window.addEventListener(name, () => {
    isPrinting = prints;
    document.documentElement.toggleAttribute('data-printing', prints);
    drawAll();
  });
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
new ResizeObserver(() => { if (!isPrinting && front.clientWidth !== width) drawAll(); }).observe(front);
drawAll();
if (places.length) {
  addFilters();
  addLegend();
  tellMissing();
  tell(places.find(place => place.points.includes(marked[0])) || places[0]);
}
