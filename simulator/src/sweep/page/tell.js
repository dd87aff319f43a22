// What the page says of the point that somebody has chosen.
let chosen = null, pinned = null;

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
  tip.style.left = Math.max(Math.min(x + 16, window.innerWidth - tip.offsetWidth - 8), 8) + 'px';
  tip.style.top = Math.min(y + 16, window.innerHeight - tip.offsetHeight - 8) + 'px';
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
  const scenarios = scenarioTable(point);
  if (scenarios) parts.push(scenarios);
  story.replaceChildren(...parts);
  story.scrollTop = 0;
}

function alike(others) {
  const named = others.filter(point => point.kind !== 'policy').map(nameOf);
  const count = others.length - named.length;
  const said = [...named, ...count ? [count === 1 ? '1 other policy' : `${count.toLocaleString('en-US')} other policies`] : []];
  return 'At the same place: ' + said.join(', ') + '.';
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
  if (rate) row('rate of false failures', percent(rate[0]), `95 % interval: ${percent(rate[1])} to ${percent(rate[2])}`);
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
    cells.append(html('td', {}, knob.values[first] ?? '–', ...others.length ? [html('small', {}, 'also ' + others.join(', '))] : []));
  });
  return table;
}

// Each scenario alone, for the points that have it; the traded objectives come first.
function scenarioTable(point) {
  const place = points.indexOf(point);
  const told = summary.details.map(({ scenario, points }) => [scenario, points.find(([of]) => of === place)?.[1]])
    .filter(([, values]) => values);
  if (!told.length) return null;
  const order = [...new Set([X, Y, ...objectives.keys()])];
  const body = html('tbody', {}, ...told.map(([scenario, values]) => html('tr', {},
    html('th', {}, scenario),
    ...order.map(axis => html('td', { class: 'number' }, words(values[axis], objectives[axis].unit))))));
  const head = html('tr', {}, html('th', {}, 'scenario'), ...order.map(axis => html('th', { class: 'number' }, objectives[axis].title)));
  return html('table', { class: 'scenarios' }, html('thead', {}, head), body);
}
