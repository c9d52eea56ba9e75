/** A soak as a picture: one panel below the other over the same time, as SVG without scripts or fonts of its own. */
import type { Sample } from './soak.ts';

interface Line {
  name: string;
  colour: string;
  value: (sample: Sample) => number;
}

interface Panel {
  title: string;
  lines: Line[];
}

const BLUE = '#2563eb';
const ORANGE = '#ea580c';
const panels: Panel[] = [
  {
    title: 'memory, MiB',
    lines: [
      { name: 'RSS', colour: BLUE, value: ({ rssMb }) => rssMb },
      { name: 'heap and external of the main thread', colour: ORANGE, value: ({ heapMb }) => heapMb },
    ],
  },
  {
    title: 'delay from send to handler, ms',
    lines: [
      { name: 'p99', colour: BLUE, value: ({ p99Ms }) => p99Ms },
      { name: 'p50', colour: ORANGE, value: ({ p50Ms }) => p50Ms },
    ],
  },
  {
    title: 'records a second',
    lines: [
      { name: 'produced', colour: BLUE, value: ({ producedPerSecond }) => producedPerSecond },
      { name: 'handled', colour: ORANGE, value: ({ consumedPerSecond }) => consumedPerSecond },
    ],
  },
  {
    title: 'handles',
    lines: [
      { name: 'descriptors', colour: BLUE, value: ({ descriptors }) => descriptors },
      { name: 'active resources', colour: ORANGE, value: ({ resources }) => resources },
    ],
  },
  { title: 'members of the group', lines: [{ name: 'members', colour: BLUE, value: ({ members }) => members }] },
];

const WIDTH = 960;
const HEIGHT = 150;
const LEFT = 90;
const RIGHT = 20;
const TOP = 40;
const GAP = 46;

export function plot(title: string, samples: readonly Sample[]): string {
  const height = TOP + panels.length * (HEIGHT + GAP);
  const seconds = Math.max(1, samples.at(-1)?.second ?? 1);
  const drawn = panels.map((panel, i) => drawPanel(panel, samples, seconds, TOP + i * (HEIGHT + GAP) + 20));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="${LEFT}" y="20" font-size="15">${escaped(title)}</text>
${drawn.join('\n')}
</svg>
`;
}

function drawPanel({ title, lines }: Panel, samples: readonly Sample[], seconds: number, top: number): string {
  const most = niceAbove(Math.max(1e-9, ...lines.flatMap(({ value }) => samples.map(value))));
  const x = (second: number): number => Math.round((LEFT + (second / seconds) * (WIDTH - LEFT - RIGHT)) * 10) / 10;
  const y = (value: number): number => Math.round((top + HEIGHT - (value / most) * HEIGHT) * 10) / 10;
  const grid = [0, 0.5, 1].map((share) => {
    const at = y(most * share);
    return `<line x1="${LEFT}" y1="${at}" x2="${WIDTH - RIGHT}" y2="${at}" stroke="#ddd"/><text x="${LEFT - 8}" y="${at + 4}" text-anchor="end" fill="#555">${shown(most * share)}</text>`;
  });
  const times = [0, 0.25, 0.5, 0.75, 1].map(
    (share) => `<text x="${x(seconds * share)}" y="${top + HEIGHT + 16}" text-anchor="middle" fill="#555">${clock(seconds * share)}</text>`,
  );
  const curves = lines.map(({ colour, value }) => {
    const points = samples.map((sample) => `${x(sample.second)},${y(value(sample))}`).join(' ');
    return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  });
  const names = lines.map(({ name, colour }) => `<tspan fill="${colour}" dx="12">${name}</tspan>`).join('');
  return [`<text x="${LEFT}" y="${top - 6}">${title}${names}</text>`, ...grid, ...times, ...curves].join('\n');
}

/** The next of 1, 2, 5, 10, 20 … */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}

function shown(value: number): string {
  return value >= 1e6 ? `${value / 1e6} M` : value >= 1e4 ? `${value / 1e3} k` : String(Math.round(value * 1000) / 1000);
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
