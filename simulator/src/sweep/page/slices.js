// Small pictures: what each value of a knob does, and when there is anything new to see.
const SLICE = { width: 380, height: 160, top: 28, bottom: 26, left: 52, right: 10 };

function drawSlices() {
  const order = [...knobs].sort((a, b) => weight(b) - weight(a));
  find('slices')?.replaceChildren(...order.map(knob => html('figure', {},
    html('figcaption', {}, html('code', {}, knob.path)),
    ...[...new Set([X, Y])].map(axis => slicePlot(knob, axis)))));
}

const weight = knob => Math.max(knob.importancePermille[X] || 0, knob.importancePermille[Y] || 0);

// All knobs share the scale of an objective: that shows how much each of them matters.
function slicePlot(knob, axis) {
  const { width, height, top, bottom, left, right } = SLICE, { title, unit } = objectives[axis];
  const values = knobs.flatMap(knob => knob.slices.flatMap(slice => [slice.medians[axis], slice.best[axis]]));
  const scale = makeScale(values, unit, height - bottom, top, false);
  const step = (width - left - right) / knob.values.length;
  const across = place => left + step * (place + 0.5);
  const parts = [svg('text', { class: 'name', x: 2, y: 12 }, '↑ ' + title)];
  for (const tick of scale.ticks) {
    const y = scale.to(tick);
    parts.push(
      svg('line', { class: 'grid', x1: left, x2: width - right, y1: y, y2: y }),
      svg('text', { x: left - 5, y: y + 4, 'text-anchor': 'end' }, words(tick, unit)),
    );
  }
  let end = -Infinity;
  knob.values.forEach((value, place) => {
    const half = textWidth(value) / 2 + 4;
    if (across(place) - half < end || across(place) + half > width + 4) return;
    end = across(place) + half;
    parts.push(svg('text', { x: across(place), y: height - 8, 'text-anchor': 'middle' }, value));
  });
  for (const name of ['best', 'medians']) {
    const found = knob.slices.map((slice, place) => [across(place), slice[name][axis]])
      .filter(([, value]) => typeof value === 'number').map(([x, value]) => [x, scale.to(value)]);
    parts.push(svg('polyline', { class: name, points: found.map(pair => pair.join()).join(' ') }));
    for (const [x, y] of found) {
      parts.push(name === 'medians' ? svg('circle', { class: 'dot', cx: x, cy: y, r: 3.5 })
        : svg('rect', { class: 'box', x: x - 3, y: y - 3, width: 6, height: 6 }));
    }
  }
  return svg('svg', { viewBox: `0 0 ${width} ${height}` }, ...parts);
}

function drawTimes() {
  const box = find('times');
  if (!box) return;
  const width = isPrinting ? PRINT_WIDTH : box.clientWidth, middle = 24;
  const times = summary.stepsSeconds.map(seconds => seconds * 1000);
  const scale = makeScale(times, 'milliseconds', 20, width - 20, true);
  const parts = [svg('line', { class: 'axis', x1: 0, x2: width, y1: middle, y2: middle })];
  let end = -Infinity;
  for (const ms of times) {
    const x = scale.to(ms), half = textWidth(words(ms, 'milliseconds')) / 2 + 4;
    parts.push(svg('circle', { class: 'dot', cx: x, cy: middle, r: 4.5 }));
    if (x - half < end || x - half < 0 || x + half > width) continue;
    end = x + half;
    parts.push(svg('text', { x, y: middle + 22, 'text-anchor': 'middle' }, words(ms, 'milliseconds')));
  }
  const note = scale.isLog ? 'after the first failure (log scale) →' : 'after the first failure →';
  parts.push(svg('text', { class: 'name', x: width, y: 11, 'text-anchor': 'end' }, note));
  box.replaceChildren(svg('svg', { viewBox: `0 0 ${width} 52` }, ...parts));
}
