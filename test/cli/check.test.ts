/** `check` and `check --repair` over folders that a bus wrote and somebody damaged. */
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { surroundings } from './fakes.ts';
import { start } from './spawn.ts';

let whole: string;
let dir: string;
let segment: string;

async function spillway(line: string, input = '') {
  const around = surroundings({ input });
  const code = await runProgram([...line.split(' '), '--dir', dir], verbs, '', around);
  return { code, out: around.terminal.written(), said: around.terminal.said.join('\n') };
}

async function checked(line = 'check') {
  const { code, out } = await spillway(`${line} --json`);
  const entries = out
    .split('\n')
    .slice(0, -1)
    .map((text) => JSON.parse(text));
  return { code, findings: entries.slice(0, -1), summary: entries.at(-1) };
}

/** Three batches of ten lines each. */
beforeAll(async () => {
  whole = mkdtempSync(join(tmpdir(), 'spillway-check-'));
  dir = whole;
  for (let batch = 0; batch < 3; batch++) {
    await spillway('produce lines --quiet', Array.from({ length: 10 }, (_, i) => `line ${batch * 10 + i}\n`).join(''));
  }
});
afterAll(() => {
  rmSync(whole, { recursive: true, force: true });
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => {
  if (dir !== whole) rmSync(dir, { recursive: true, force: true });
  dir = mkdtempSync(join(tmpdir(), 'spillway-check-'));
  cpSync(whole, dir, { recursive: true });
  segment = join(dir, 'lines-0', '00000000000000000000.log');
});

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] ^= 0xff;
  writeFileSync(path, bytes);
}

const state = () =>
  readdirSync(dir, { recursive: true })
    .map(String)
    .filter((name) => statSync(join(dir, name)).isFile())
    .map((name) => [name, readFileSync(join(dir, name)).toString('base64')]);

describe('check', () => {
  test('a whole folder', async () => {
    const { code, out } = await spillway('check');
    expect([code, out]).toEqual([0, expect.stringMatching(/^1 partitions, 1 segments, 3 batches, 30 records, [\d.]+ \w+: no damage\n$/)]);
    expect((await checked()).summary).toMatchObject({ partitions: 1, batches: 3, records: 30, damages: 0, stale: 0, mended: 0 });
  });

  test('damage in the middle: file, position and offsets; nothing changes', async () => {
    flip(segment, 100);
    const before = state();
    const { code, findings, summary } = await checked();
    expect([code, summary.damages]).toEqual([3, 1]);
    expect(findings).toMatchObject([
      { severity: 'damage', file: segment, position: 0, did: null, what: expect.stringMatching(/offsets 0 to 9/) },
    ]);
    expect((await spillway('check')).out).toMatch(/^damage {7}.*00000\.log {2}at 0, \d+ bytes: .*\n1 partitions.*: 1 damage\n$/);
    expect(state()).toEqual(before);
  });

  test('a torn end is stale, not damage', async () => {
    appendFileSync(segment, readFileSync(segment).subarray(0, 70));
    const { code, findings } = await checked();
    expect([code, findings.map(({ severity }) => severity)]).toEqual([0, ['stale']]);
  });

  test('one partition', async () => {
    const { out } = await spillway(`check ${join(dir, 'lines-0')}`);
    expect(out).toMatch(/^1 partitions/);
  });

  test('nothing there, and a file', async () => {
    expect((await spillway(`check ${join(dir, 'nowhere')}`)).code).toBe(4);
    expect(await spillway(`check ${segment}`)).toMatchObject({ code: 4, said: expect.stringMatching(/is a file/) });
  });
});

describe('check --repair', () => {
  test('says what it did; what is good is read, what is lost is passed over', async () => {
    flip(segment, 100);
    appendFileSync(segment, 'torn');
    writeFileSync(join(dir, 'lines-0', 'leader-epoch-checkpoint'), 'nonsense');
    const { code, out } = await spillway('check --repair');
    expect(code).toBe(3);
    expect(out).toMatch(/→ offsets 0 to 9 are quarantined/);
    expect(out).toMatch(/→ the file was cut to \d+ bytes/);
    expect(out).toMatch(/leader-epoch-checkpoint.*\n {13}→ the file was made anew/);
    const again = await checked();
    expect([again.code, again.summary.quarantined]).toEqual([0, 1]);
    expect(again.findings.map(({ severity, what }) => [severity, what])).toEqual([
      ['quarantined', expect.stringMatching(/offsets 0 to 9/)],
    ]);
    expect((await spillway('consume lines --skip-damaged --quiet')).out).toBe(
      Array.from({ length: 20 }, (_, i) => `line ${i + 10}\n`).join(''),
    );
    expect(await spillway('produce lines --quiet', 'after\n')).toMatchObject({ code: 0 });
    expect((await spillway('consume lines --from -1 --quiet')).out).toBe('after\n');
  });

  test('a header that can be put right loses nothing', async () => {
    flip(segment, 3); // the base offset lies outside of the checksum
    expect((await spillway('check --repair')).out).toMatch(/→ the header was put right/);
    expect((await checked()).code).toBe(0);
    expect((await spillway('consume lines --quiet')).out.split('\n')).toHaveLength(31);
  });

  test('changes nothing when there is nothing to mend', async () => {
    const before = state().filter(([name]) => !name.startsWith('spillway.db'));
    expect((await checked('check --repair')).code).toBe(0);
    expect(state().filter(([name]) => !name.startsWith('spillway.db'))).toEqual(before);
  });

  test('is refused while another process owns the folder; a check is not', async () => {
    const owner = start(['consume', 'lines', '--follow', '--dir', dir], dir);
    await owner.shows('line 29');
    const [repair, check] = [await spillway('check --repair'), await spillway('check')];
    owner.child.kill('SIGTERM');
    await owner.ended;
    expect(repair).toMatchObject({ code: 5, said: expect.stringContaining(`process ${owner.child.pid}`) });
    expect(check).toMatchObject({ code: 0, said: expect.stringContaining(`open in process ${owner.child.pid}`) });
  });
});
