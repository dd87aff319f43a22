// Scales: from values to pixels, logarithmic where the values need it, with ticks at round values.
const SECOND = 1000, MINUTE = 60_000, HOUR = 3_600_000;
// The sooner, the rounder.
const ROUND_TIMES = [
  [SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, 10 * HOUR, 100 * HOUR, 1000 * HOUR],
  [100, 30 * SECOND, 5 * MINUTE, 30 * MINUTE, 3 * HOUR, 24 * HOUR, 48 * HOUR],
  [10, 500, 2 * SECOND, 5 * SECOND, 20 * SECOND, 2 * MINUTE, 20 * MINUTE, 2 * HOUR, 5 * HOUR, 12 * HOUR, 500 * HOUR],
];
// A spread by more than this does not fit a linear scale.
const LINEAR_MAX = 30;
const digitPen = document.createElement('canvas').getContext('2d');

function textWidth(text, font = '12px system-ui, sans-serif') {
  digitPen.font = font;
  return digitPen.measureText(text).width;
}

// A scale from the pixel `low` to the pixel `high`; `isAcross` if its ticks stand side by side.
function makeScale(values, unit, low, high, isAcross) {
  const known = values.filter(value => typeof value === 'number');
  const positive = known.filter(value => value > 0);
  const [least, most] = [smallest(positive), largest(known)];
  const isLog = most > LINEAR_MAX * least, hasZero = known.length > positive.length;
  // Zero has a place on a logarithmic scale too: below the smallest value, it is linear.
  const bent = !isLog ? value => value : hasZero ? value => Math.log1p(value / least) : value => Math.log(value);
  let [first, last] = [bent(hasZero ? 0 : least), bent(most)];
  const fromZero = !isLog && first < last * 0.4;
  if (fromZero) first = 0;
  const room = (last - first || last || 1) * 0.04;
  [first, last] = [fromZero ? 0 : first - room, last + room];
  const to = value => low + (bent(value) - first) / (last - first) * (high - low);
  const inside = value => bent(value) >= first && bent(value) <= last;
  const ticks = [];
  const length = Math.abs(high - low);
  for (const value of isLog ? roundLog(unit, least, most) : roundLinear(unit, first, last, length, isAcross)) {
    if (inside(value) && ticks.every(other => isApart(to(value), to(other), value, other))) ticks.push(value);
  }
  function isApart(at, otherAt, value, other) {
    const wide = isAcross ? (textWidth(words(value, unit)) + textWidth(words(other, unit))) / 2 + 14 : 22;
    return Math.abs(at - otherAt) >= wide;
  }
  return { to, ticks: ticks.sort((a, b) => a - b), isLog };
}

// Ten thousand arguments of `Math.min` would be too many for some browsers.
const smallest = values => values.reduce((a, b) => Math.min(a, b), values[0] ?? 1);
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const largest = values => values.reduce((a, b) => Math.max(a, b), 0);

function roundLog(unit, least, most) {
  if (unit === 'milliseconds') return [0, ...ROUND_TIMES.flat()];
  const powers = [];
  for (let power = 10 ** Math.floor(Math.log10(least)); power <= most; power *= 10) powers.push(power);
  return [0, ...[1, 3, 2, 5].flatMap(digit => powers.map(power => power * digit))];
}

function roundLinear(unit, first, last, room, isAcross) {
  const wanted = (last - first) / Math.max(room / (isAcross ? 80 : 36), 1);
  let steps;
  if (unit === 'milliseconds') steps = ROUND_TIMES.flat().sort((a, b) => a - b);
  else {
    const power = 10 ** Math.floor(Math.log10(wanted));
    steps = [1, 2, 5, 10].map(digit => digit * power);
    if (unit === 'count') steps = steps.map(step => Math.max(step, 1));
  }
  const step = steps.find(step => step >= wanted) || steps.at(-1);
  const start = Math.max(Math.ceil(first / step), 0), count = Math.floor(last / step) - start + 1;
  return Array.from({ length: clamp(count, 0, 100) }, (_, place) => (start + place) * step);
}
