// Labels of marked points: never over each other or over a sign, and where few points lie beneath.
const DIRECTIONS = [[1, 0], [-1, 0], [0, -1], [0, 1], [0.8, -0.7], [-0.8, -0.7], [0.8, 0.7], [-0.8, 0.7]];
const DISTANCES = [12, 24, 40, 60, 85, 115];
const LABEL_MAX = 24, TALL = 15;

function labelOf(point) {
  const name = isRecommended(point) ? 'recommended: ' + nameOf(point) : point.name;
  return name.length > LABEL_MAX ? name.slice(0, LABEL_MAX - 1) + '…' : name;
}

// Each label with its text, and a line to its sign if it stands apart; what finds no room has none.
function labels(marks) {
  const taken = marks.map(({ x, y }) => ({ left: x - 7, right: x + 7, top: y - 7, bottom: y + 7 }));
  const placed = [];
  for (const mark of marks) {
    const box = bestBox(mark, taken);
    if (!box) continue;
    taken.push(box);
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    const text = svg('text', { class: 'label', x, y: y + 4, 'text-anchor': 'middle' }, mark.text);
    const [nearX, nearY] = [clamp(mark.x, box.left, box.right), clamp(mark.y, box.top, box.bottom)];
    const line = svg('line', { class: 'leader', x1: mark.x, y1: mark.y, x2: nearX, y2: nearY });
    placed.push({ text, line: box.away > DISTANCES[0] && line });
  }
  return placed;
}

function bestBox({ x, y, text }, taken) {
  const wide = textWidth(text, '600 12px system-ui, sans-serif') + 6;
  let best = null, least = Infinity;
  for (const away of DISTANCES) {
    for (const [right, down] of DIRECTIONS) {
      const [middleX, middleY] = [x + right * (away + wide / 2), y + down * (away + TALL / 2)];
      const box = {
        away, left: middleX - wide / 2, right: middleX + wide / 2, top: middleY - TALL / 2, bottom: middleY + TALL / 2,
      };
      if (!isInside(box) || taken.some(other => overlap(box, other))) continue;
      const cost = away + 3 * covered(box);
      if (cost < least) [best, least] = [box, cost];
    }
  }
  return best;
}

const isInside = box =>
  box.left >= plot.left && box.right <= plot.right && box.top >= plot.top && box.bottom <= plot.bottom;
const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

// How many places lie beneath a box.
function covered(box) {
  let count = 0;
  for (let x = box.left; x < box.right + CELL; x += CELL) {
    for (let y = box.top; y < box.bottom + CELL; y += CELL) {
      for (const place of grid.get(cellOf(x, y)) || []) {
        count += place.x > box.left && place.x < box.right && place.y > box.top && place.y < box.bottom;
      }
    }
  }
  return Math.min(count, 30);
}
