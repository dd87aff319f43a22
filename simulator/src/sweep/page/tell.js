// What the page says of the point that somebody has chosen.
const REST_MS = 80;
let chosen = null, pinned = null, rest = 0;

function choose(place, isByKey = false) {
  if (place === chosen) return;
  chosen = place;
  ring();
  if (!pinned && place) tell(place);
  if (isByKey && place) said.textContent = inShort(place).join('. ');
}

function pin(place) {
  pinned = place && pinned && place.key === pinned.key ? null : place;
  ring();
  if (pinned || chosen) tell(pinned || chosen);
}

// Circles round the pinned and the chosen place.
function ring() {
  for (const [name, place] of [['pinned', pinned], ['chosen', chosen]]) {
    const circle = front.querySelector('circle.' + name);
    circle?.setAttribute('visibility', place ? 'visible' : 'hidden');
    if (place) circle?.setAttribute('transform', `translate(${place.x} ${place.y})`);
  }
}

function inShort({ points: [point, ...others] }) {
  return [
    nameOf(point) + (roleOf(point) ? ', ' + roleOf(point) : ''),
    `${objectives[X].title} ${inX(point)}`,
    `${objectives[Y].title} ${inY(point)}`,
    point.isFeasible ? 'meets the constraint' : 'does not meet the constraint',
    ...others.length ? [others.length === 1 ? '1 more point is here' : `${others.length} more points are here`] : [],
  ];
}

function showTip(place, x, y) {
  tip.hidden = !place;
  if (!place) return;
  tip.textContent = inShort(place).join('\n');
  // On the side with more room: to measure the tip would take longer than all the rest.
  const { clientWidth: across, clientHeight: down } = document.documentElement;
  const [isLeft, isAbove] = [x > across / 2, y > down / 2];
  tip.style.left = isLeft ? 'auto' : x + 16 + 'px';
  tip.style.right = isLeft ? across - x + 16 + 'px' : 'auto';
  tip.style.top = isAbove ? 'auto' : y + 16 + 'px';
  tip.style.bottom = isAbove ? down - y + 16 + 'px' : 'auto';
}

function tell(place) {
  const [point, ...others] = place.points;
  const role = [pinned === place && 'pinned', roleOf(point)].filter(Boolean).join(', ');
  const parts = [html('h3', {}, nameOf(point)), html('p', {}, html('small', {}, role))];
  const sign = point.isFeasible ? ['good', '✓ meets '] : ['bad', '✗ does not meet '];
  parts.push(html('p', { class: sign[0] }, sign[1], html('code', {}, summary.constraint)));
  parts.push(measuredTable(point));
  if (point.values.length) parts.push(knobTable(place));
  if (others.length) parts.push(html('p', {}, alike(others)));
  story.scrollTop = 0;
  story.replaceChildren(...parts);
  // A long table would slow down a pointer that only passes by.
  clearTimeout(rest);
  rest = setTimeout(() => story.append(...scenarioTable(point)), REST_MS);
}

function alike(others) {
  const named = others.filter(point => point.kind !== 'policy').map(nameOf);
  const count = others.length - named.length;
  if (count) named.push(count === 1 ? '1 other policy' : `${number(count)} other policies`);
  return 'At the same place: ' + named.join(', ') + '.';
}

function measuredTable(point) {
  const table = html('table');
  const row = (name, value, small) => {
    const cells = table.insertRow();
    cells.append(html('th', {}, name));
    cells.append(html('td', { class: 'number' }, value, ...small ? [html('small', {}, small)] : []));
  };
  objectives.forEach(({ title, unit }, place) => {
    const value = point.objectives[place];
    const away = oracle && point !== oracle ? difference(oracle.objectives[place], value, unit) : '';
    row(title, words(value, unit), away && away !== '±0' ? away + ' from the limit' : '');
  });
  const rate = point.falseRatePpm;
  const interval = rate && `95 % interval: ${percent(rate[1])} to ${percent(rate[2])}`;
  if (rate) row('rate of false failures', percent(rate[0]), interval);
  row('verdicts', words(point.verdicts, 'count'));
  return table;
}

// The knobs of the first policy at a place, and what else leads there.
function knobTable(place) {
  const table = html('table', { class: 'chosen-knobs' });
  const policies = place.points.filter(point => point.values.length);
  knobs.forEach((knob, at) => {
    const all = [...new Set(policies.map(point => point.values[at]))].sort((a, b) => a - b);
    const first = place.points[0].values[at];
    const others = all.filter(value => value !== first).map(value => knob.values[value]);
    const cells = table.insertRow();
    cells.append(html('th', {}, html('code', {}, knob.path)));
    const also = others.length ? [html('small', {}, 'also ' + others.join(', '))] : [];
    cells.append(html('td', {}, knob.values[first] ?? '–', ...also));
  });
  return table;
}

// The scenarios of each point that has some, with the objectives in each.
const detailsOf = new Map();
for (const { scenario, points } of summary.details) {
  for (const [place, values] of points) {
    if (!detailsOf.has(place)) detailsOf.set(place, []);
    detailsOf.get(place).push([scenario, values]);
  }
}

// Each scenario alone, for the points that have it; the traded objectives come first.
function scenarioTable(point) {
  const told = detailsOf.get(points.indexOf(point));
  if (!told) return [];
  const order = [...new Set([X, Y, ...objectives.keys()])];
  const body = html('tbody', {}, ...told.map(([scenario, values]) => html('tr', {},
    html('th', {}, scenario),
    ...order.map(axis => html('td', { class: 'number' }, words(values[axis], objectives[axis].unit))))));
  const titles = order.map(axis => html('th', { class: 'number' }, objectives[axis].title));
  const head = html('tr', {}, html('th', {}, 'scenario'), ...titles);
  return [html('table', { class: 'scenarios' }, html('thead', {}, head), body)];
}
