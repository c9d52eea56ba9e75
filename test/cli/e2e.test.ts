/**
 * The program end to end over real buses: topics, round trips in all forms, places, pipes, signals, locks, exit codes. What needs a
 * process is one; the rest runs in this one, since starting a process costs more than the work.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { surroundings } from './fakes.ts';
import { type Ended, run, start } from './spawn.ts';

// Each test opens many buses, or starts processes: on a machine with much else to do that takes its time.
vi.setConfig({ testTimeout: 120_000 });

let cwd: string;
let before: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'spillway-e2e-'));
  before = process.cwd();
  process.chdir(cwd);
});
afterAll(() => {
  process.chdir(before);
  rmSync(cwd, { recursive: true, force: true });
});

async function spillway(line: string, input: string | Buffer = ''): Promise<Ended> {
  const around = surroundings({ input });
  const { terminal } = around;
  const code = await runProgram(line.split(' '), verbs, '1.2.3', around);
  const err = terminal.said.map((said) => `${said}\n`).join('');
  return { code, out: terminal.written(), bytes: terminal.bytes(), err };
}

async function lines(line: string): Promise<unknown[]> {
  const { out, code, err } = await spillway(line);
  expect({ code, err }).toMatchObject({ code: 0 });
  return out
    .split('\n')
    .slice(0, -1)
    .map((one) => JSON.parse(one));
}

function expectEnd({ code, err }: Ended, wantedCode: number, message: RegExp): void {
  expect({ code, err }).toEqual({ code: wantedCode, err: expect.stringMatching(message) });
}

describe('topics', () => {
  test('are created, listed, described, altered and deleted', async () => {
    expect((await spillway('topics create life --partitions 2 --config retention.ms=60000')).out).toBe('created life with 2 partitions\n');
    expect((await spillway('topics create life other --if-absent --json --durability memory')).out).toMatch(
      /^\{"created":\[\{"name":"other"/,
    );
    expect(JSON.parse((await spillway('topics list --json')).out).topics).toMatchObject([
      { name: 'life', partitions: 2, durability: 'synced' },
      { name: 'other', partitions: 1, durability: 'memory' },
    ]);
    await spillway('topics alter life --set retention.bytes=1000000 --unset retention.ms --partitions 3');
    const [described] = JSON.parse((await spillway('topics describe life --json')).out).topics;
    expect(described.configs.map(({ key, value }: { key: string; value: string }) => `${key}=${value}`)).toEqual([
      'retention.bytes=1000000',
    ]);
    expect(described.partitions).toHaveLength(3);
    expect((await spillway('topics describe life')).out).toMatch(/^partition +state +start/m);
    expect((await spillway('topics delete life other')).out).toBe('deleted life\ndeleted other\n');
    expect(JSON.parse((await spillway('topics list --json')).out)).toEqual({ topics: [] });
  });

  test('refusals tell what is wrong', async () => {
    await spillway('topics create taken');
    expectEnd(await spillway('topics create taken'), 1, /topic "taken" exists already/);
    expectEnd(await spillway('topics describe nothing'), 4, /topic "nothing" does not exist/);
    expectEnd(await spillway('topics create x --config retention.ms=soon'), 1, /retention\.ms/);
    expectEnd(await spillway('topics alter taken'), 2, /nothing to change/);
    expectEnd(await spillway('topics list --dir nowhere'), 4, /there is no data folder "nowhere"/);
  });
});

describe('groups', () => {
  test('are reset, described, explained, listed and deleted', async () => {
    await spillway('topics create read --partitions 2 --durability memory');
    await spillway('produce read --partition 0 --quiet', 'a\nb\nc\n');
    expectEnd(await spillway('groups reset g --to end'), 4, /group "g" has committed nothing.*name topics/);
    expect((await spillway('groups reset g --to 1 --topic read:0 --dry-run')).out).toBe(
      'topic  partition  committed  would be\nread           0          -         1\n',
    );
    await spillway('groups reset g --to 1 --topic read:0');
    expect((await spillway('groups reset g --shift 1')).out).toBe('topic  partition  before  after\nread           0       1      2\n');
    expect((await spillway('groups list')).out).toBe('group  state  type\ng      Empty  offsets only\n');
    expect((await spillway('groups describe g')).out).toBe(
      'g  Empty  0 members, lag 1\ntopic  partition  committed  end  lag  member\nread           0          2    3    1       -\n',
    );
    expect((await spillway('groups explain g')).out).toMatch(
      /^read-0 {2}unowned, lag 1: nobody reads it: the group has no members .*start a consumer\n$/,
    );
    expect((await spillway('topics describe read')).out).toMatch(/^group +state +partitions +lag\ng +Empty +1 +1$/m);
    await spillway('groups reset g --to end');
    expect((await spillway('groups explain g')).out).toBe('g: all that it has committed is read to the end\n');
    expect((await spillway('groups delete g --topic read')).out).toBe('deleted offsets of read of g\n');
    expect((await spillway('groups delete g')).out).toBe('deleted g\n');
  });

  test('as JSON', async () => {
    const change = { topic: 'read', partition: 0, before: -1, after: 1 };
    expect(await lines('groups reset j --to -2 --topic read:0 --json')).toEqual([{ groupId: 'j', dryRun: false, changes: [change] }]);
    expect(await lines('groups list --json')).toEqual([{ groups: [{ groupId: 'j', protocolType: '', state: 'Empty', type: 'classic' }] }]);
    const row = { topic: 'read', partition: 0, committed: 1, highWatermark: 3, lag: 2, memberId: '' };
    expect(await lines('groups describe j --json')).toMatchObject([{ groups: [{ groupId: 'j', members: [], offsets: [row] }] }]);
    expect(await lines('groups explain j --json')).toMatchObject([{ groupId: 'j', partitions: [{ state: 'unowned', lag: 2 }] }]);
    expect(await lines('topics describe read --json')).toMatchObject([{ topics: [{ groups: [{ groupId: 'j', offsets: [row] }] }] }]);
    expect(await lines('groups delete j --json')).toEqual([{ deleted: ['j'], topics: [] }]);
  });

  test('refusals tell what is wrong', async () => {
    expectEnd(await spillway('groups describe unknown'), 4, /there is no group "unknown"/);
    expectEnd(await spillway('groups delete unknown'), 4, /there is no group "unknown"/);
    expectEnd(await spillway('groups reset g'), 2, /where to\? give either --to or --shift/);
    expectEnd(await spillway('groups reset g --to end --shift 1'), 2, /either --to or --shift/);
    expectEnd(await spillway('groups reset g --to nowhere'), 2, /--to takes beginning \(earliest\), end \(latest\)/);
    expectEnd(await spillway('groups reset g --to end --topic nothing'), 4, /topic "nothing" does not exist/);
    expectEnd(await spillway('groups reset g --to end --topic read:9'), 4, /has partitions 0 to 1, not 9/);
    expectEnd(await spillway('groups reset g --to end --topic read:x'), 2, /--partition takes a number/);
    expectEnd(await spillway('groups'), 2, /list/);
    expectEnd(await spillway('groups list --dir nowhere'), 4, /there is no data folder "nowhere"/);
  });
});

describe('round trips', () => {
  test('lines, with keys, headers and a partition', async () => {
    const { code, err } = await spillway(
      'produce text --partitions 3 --key-separator = --header a=1 --header a=2',
      'k1=v1\nk2=v2\r\nk1=v=3\n',
    );
    expect({ code, err }).toEqual({
      code: 0,
      err: expect.stringMatching(/^created topic text with 3 partitions\ntext: 3 records, 7 B in /),
    });
    await spillway('produce text --partition 2 --quiet', 'alone\n');
    const records = (await lines('consume text --json')) as { key: string | null; value: string; partition: number; headers: object[] }[];
    expect(records.filter(({ key }) => key === 'k1').map(({ value }) => value)).toEqual(['v1', 'v=3']);
    expect(records.find(({ key }) => key === 'k2')?.headers).toEqual([
      { key: 'a', value: '1' },
      { key: 'a', value: '2' },
    ]);
    expect(records.find(({ key }) => key === null)).toMatchObject({ partition: 2, value: 'alone', headers: [] });
  });

  test('a JSON array, a CSV table and lines of JSON, from files of those names', async () => {
    writeFileSync(join(cwd, 'a.json'), '[ {"id":1, "n":"x"},{"id":2}\n]');
    writeFileSync(join(cwd, 'b.csv'), 'id,n\n3,"y,z"\n');
    writeFileSync(join(cwd, 'c.ndjson'), '{"id":4}\n\n{"id":5}\n');
    const { out } = await spillway('produce forms a.json b.csv c.ndjson --key id --json');
    expect(JSON.parse(out)).toMatchObject({ topic: 'forms', records: 5, malformed: 0, created: true });
    expect((await spillway('consume forms --format key-value --separator :')).out).toBe(
      '1:{"id":1, "n":"x"}\n2:{"id":2}\n3:{"id":"3","n":"y,z"}\n4:{"id":4}\n5:{"id":5}\n',
    );
  });

  test('length-prefixed: any bytes, in and out the same', async () => {
    const frames = [Buffer.from([0, 1, 2, 255]), Buffer.alloc(0), Buffer.from('\n\n'), null, Buffer.alloc(70_000, 7)];
    const input = Buffer.concat(
      frames.flatMap((frame) => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(frame === null ? 0xffffffff : frame.length);
        return frame === null ? [length] : [length, frame];
      }),
    );
    expect((await spillway('produce binary --format length-prefixed --compression zstd', input)).code).toBe(0);
    expect((await spillway('consume binary --format length-prefixed')).bytes.equals(input)).toBe(true);
  });

  test('a day of frames: each file at the day of its name, read back day by day, byte for byte', async () => {
    const frames = (day: number, count: number) =>
      Buffer.concat(
        Array.from({ length: count }, (_, i) => {
          const value = Buffer.alloc(1 + ((i * 7) % 300), day + i);
          const length = Buffer.alloc(2);
          length.writeUInt16LE(value.length);
          return Buffer.concat([length, value]);
        }),
      );
    const days = [frames(1, 300), frames(2, 400)];
    writeFileSync(join(cwd, 'feed-2026-01-30.bin'), days[0]);
    writeFileSync(join(cwd, 'feed-20260131.bin'), days[1]);
    const form = '--format length-prefixed --length-bytes 2 --byte-order little';
    await spillway('topics create feed --config retention.ms=-1');
    const { out } = await spillway(`produce feed feed-2026-01-30.bin feed-20260131.bin ${form} --timestamp name --json`);
    expect(JSON.parse(out)).toMatchObject({ records: 700, malformed: 0 });
    expect((await spillway(`consume feed --day 2026-01-30 ${form}`)).bytes.equals(days[0])).toBe(true);
    expect((await spillway(`consume feed --since 2026-01-31 --until 2026-02-01 ${form}`)).bytes.equals(days[1])).toBe(true);
    const values = Buffer.concat(Array.from({ length: 300 }, (_, i) => Buffer.alloc(1 + ((i * 7) % 300), 1 + i)));
    expect((await spillway('consume feed --until 2026-01-31 --format raw')).bytes.equals(values)).toBe(true);
    expect((await spillway(`consume feed --since 2026-02-01 ${form}`)).out).toBe('');
    expectEnd(await spillway(`consume feed --length-bytes 1 --format length-prefixed`), 1, /feed-0, offset 37: its value has 260 bytes/);
    expectEnd(await spillway('consume feed --day 2026-02-30'), 2, /--day takes a day/);
    expectEnd(await spillway('consume feed --day today --until end'), 2, /--day says where to begin and to end/);
    expectEnd(await spillway('consume feed --since end'), 2, /--since takes a time/);
    expectEnd(await spillway('consume feed --since 1h --from 1h'), 2, /say different things/);
    expectEnd(await spillway('consume feed --byte-order little'), 2, /--byte-order is for --format length-prefixed, not value/);
    expectEnd(await spillway(`produce feed ${form} --timestamp name`), 2, /no day such as 2026-01-31 in the name "standard input"/);
    expectEnd(await spillway('produce feed --timestamp soon'), 2, /--timestamp takes a time/);
  });

  test('a half frame at the end, and one that is too large, are told with file and byte; what came before is sent', async () => {
    const whole = Buffer.from('0000000161' + '0000000162', 'hex');
    writeFileSync(join(cwd, 'half.bin'), Buffer.concat([whole, Buffer.from('0000000963', 'hex')]));
    writeFileSync(join(cwd, 'large.bin'), Buffer.concat([whole, Buffer.from('7fffffff63', 'hex')]));
    const half = await spillway('produce halves half.bin --format length-prefixed');
    expectEnd(
      half,
      1,
      /^created.*\nspillway: 2 records before it were sent\nspillway: half\.bin, byte 10: the input ends within a record: 5 bytes/,
    );
    expect((await spillway('consume halves')).out).toBe('a\nb\n');
    const { out, err } = await spillway('produce halves2 half.bin half.bin --format length-prefixed --skip-malformed --json');
    expect(JSON.parse(out)).toMatchObject({ records: 4, malformed: 2 });
    expect(err).toMatch(/half\.bin, byte 10: the input ends/);
    expectEnd(
      await spillway('produce halves large.bin --format length-prefixed --frame-max 64KiB --skip-malformed'),
      1,
      /large\.bin, byte 10: it announces 2147483647 bytes, more than the 65536 bytes/,
    );
    expect((await spillway('consume halves')).out).toBe('a\nb\na\nb\n');
  });

  test('an import that is run again sends only what is not there: after a kill, and when the file has grown', async () => {
    const frame = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
    const day = (count: number) => Buffer.concat(Array.from({ length: count }, (_, i) => frame(`r${i}`)));
    const form = '--format length-prefixed --length-bytes 1 --resume';
    writeFileSync(join(cwd, 'one.bin'), day(3000));
    // A half record at the end, as of a file that is being written.
    writeFileSync(join(cwd, 'two.bin'), day(20).subarray(0, -1));
    await spillway('topics create again --config retention.ms=-1');
    expect((await spillway(`produce again one.bin ${form} --header a=1 --skip-malformed --quiet`)).code).toBe(0);
    const first = await spillway(`produce again two.bin ${form} --skip-malformed --json`);
    expect(JSON.parse(first.out)).toMatchObject({ records: 19, malformed: 1 });
    writeFileSync(join(cwd, 'two.bin'), day(25));
    const grown = await spillway(`produce again two.bin ${form} --json`);
    expect([JSON.parse(grown.out).records, grown.err]).toEqual([6, expect.stringContaining('two.bin: 19 records were there already')]);
    // The older file too, though the topic does not end with it; and one with a time of its own.
    writeFileSync(join(cwd, 'one.bin'), day(3001));
    expect(JSON.parse((await spillway(`produce again one.bin two.bin ${form} --json`)).out)).toMatchObject({ records: 1 });
    writeFileSync(join(cwd, 'three-2026-01-30.bin'), day(5));
    expect(JSON.parse((await spillway(`produce again three-2026-01-30.bin ${form} --timestamp name --json`)).out)).toMatchObject({
      records: 5,
    });
    expect(JSON.parse((await spillway(`produce again three-2026-01-30.bin ${form} --timestamp name --json`)).out)).toMatchObject({
      records: 0,
    });
    expect((await spillway('consume again --from 3019 --until 3026')).out).toBe('r19\nr20\nr21\nr22\nr23\nr24\nr3000\n');
    expectEnd(await spillway('produce again --resume', 'x\n'), 2, /standard input has no place to go on from/);
    expectEnd(await spillway('produce again one.bin ./one.bin --resume'), 2, /there are two "one.bin"/);
  });

  test('an import over several partitions is run again: by key, and without one', async () => {
    const rows = (count: number) =>
      Array.from({ length: count }, (_, i) => `{"id":${i},"who":"${i % 3 === 0 ? '' : `w${i % 7}`}"}\n`).join('');
    await spillway('topics create several --partitions 3');
    writeFileSync(join(cwd, 'rows.ndjson'), rows(500));
    for (const [n, key] of ['--key who ', ''].entries()) {
      const name = `rows-${n}.ndjson`;
      writeFileSync(join(cwd, name), rows(200));
      const again = async () => JSON.parse((await spillway(`produce several ${name} ${key}--resume --json`)).out).records;
      expect(await again()).toBe(200);
      expect(await again()).toBe(0);
      writeFileSync(join(cwd, name), rows(260));
      expect(await again()).toBe(60);
    }
    const { out } = await spillway('consume several --json');
    const read = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(new Set(read.map(({ partition }) => partition)).size).toBe(3);
    // Each row twice: once by each import.
    const ids = read.map(({ value }) => JSON.parse(value).id as number).sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: 520 }, (_, i) => i >> 1));
    await spillway('topics alter several --partitions 4');
    expectEnd(
      await spillway('produce several rows-0.ndjson --key who --resume'),
      2,
      /"rows-0.ndjson" was imported into 3 partitions; .* not in 4/,
    );
    expect((await spillway('produce several rows.ndjson --resume --partition 2')).code).toBe(0);
    expectEnd(await spillway('produce several rows.ndjson --resume'), 2, /was imported into one partition; .* not in 4 partitions/);
  });

  test('a file that is not there is told before a topic is made for it', async () => {
    expectEnd(await spillway('produce mistyped nothing.txt'), 4, /there is no file "nothing.txt"/);
    expectEnd(await spillway('consume mistyped'), 4, /topic "mistyped" does not exist/);
  });

  test('times from a field', async () => {
    const input = '{"at":"2026-01-30T10:00Z"}\n{"at":1769860800000}\n{"at":"2026-01-31"}\n';
    await spillway('produce timed --format ndjson --timestamp-field at', input);
    expect((await lines('consume timed --json')).map((record) => (record as { timestamp: string }).timestamp)).toEqual([
      '2026-01-30T10:00:00.000Z',
      '2026-01-31T12:00:00.000Z',
      '2026-01-31T00:00:00.000Z',
    ]);
    expectEnd(
      await spillway('produce timed --format ndjson --timestamp-field at', '{"at":true}\n'),
      1,
      /line 1: --timestamp-field at is no time, but true/,
    );
    expectEnd(await spillway('produce timed --timestamp-field at', 'x\n'), 2, /--timestamp-field names a field/);
  });

  test('as MessagePack, the default of the library', async () => {
    await spillway('produce packed --format ndjson --value-as msgpack', '{"a":[1,"x"]}\nnull\n');
    expect(await lines('consume packed --value-as msgpack --json')).toMatchObject([{ value: { a: [1, 'x'] } }, { value: null }]);
  });

  test('malformed input stops with its place, or is counted', async () => {
    const input = '{"id":1}\n{oops\n{"id":2}\n';
    expectEnd(await spillway('produce bad --format ndjson', input), 1, /standard input, line 2: this is not JSON/);
    const { out, err } = await spillway('produce bad2 --format ndjson --skip-malformed --json', input);
    expect(JSON.parse(out)).toMatchObject({ records: 2, malformed: 1 });
    expect(err).toMatch(/malformed and passed over: 1 record/);
  });
});

describe('places', () => {
  beforeAll(async () => {
    await spillway('produce places --partitions 1', Array.from({ length: 10 }, (_, i) => `r${i}\n`).join(''));
  });

  test.each([
    ['', 'r0 r1 r2 r3 r4 r5 r6 r7 r8 r9'],
    ['--from 7', 'r7 r8 r9'],
    ['--from -2', 'r8 r9'],
    ['--from 2 --until 4', 'r2 r3'],
    ['--from end', ''],
    ['--count 2', 'r0 r1'],
    ['--count 0', ''],
    ['--from 1h', 'r0 r1 r2 r3 r4 r5 r6 r7 r8 r9'],
    ['--until 1h', ''],
    ['--from 99', ''],
  ])('consume %s', async (options, wanted) => {
    const { out, code } = await spillway(`consume places --quiet ${options}`.trim());
    expect([out.split('\n').slice(0, -1).join(' '), code]).toEqual([wanted, 0]);
  });

  test('refusals', async () => {
    expectEnd(await spillway('consume nothing'), 4, /topic "nothing" does not exist/);
    expectEnd(await spillway('consume places --partition 3'), 4, /has partitions 0 to 0, not 3/);
    expectEnd(await spillway('consume places --from sometime'), 2, /--from takes beginning \(earliest\), end \(latest\), an offset/);
    expectEnd(await spillway('consume places --follow --until 3'), 2, /--follow has no end/);
  });
});

describe('processes', () => {
  test('a second owner is refused with the pid of the first, which ends by SIGTERM; peek and dump work all the same', async () => {
    await spillway('produce owned', 'one\n');
    const owner = start(['consume', 'owned', '--follow'], cwd);
    await owner.shows('one');
    const pid = String(owner.child.pid);
    const [second, peeked, dumped] = await Promise.all([
      spillway('produce owned', 'two\n'),
      spillway('peek owned --format value'),
      spillway('dump spillway-data/owned-0 --json'),
    ]);
    expectEnd(second, 5, new RegExp(`in use by process ${pid}`));
    expect([peeked.code, peeked.out]).toEqual([0, 'one\n']);
    expect(dumped.code).toBe(0);
    owner.child.kill('SIGTERM');
    expect((await owner.ended).code).toBe(143);
    expect((await spillway('consume owned')).out).toBe('one\n');
  });

  test('a group goes on where it stands: by count, to what is there, with Ctrl-C', async () => {
    await spillway('topics create work --partitions 1');
    await spillway('produce work', 'one\ntwo\nthree\n');
    expect((await spillway('consume work --group team --count 2')).out).toBe('one\ntwo\n');
    expect((await spillway('consume work --group team')).out).toBe('three\n');
    expect((await spillway('consume work --group team')).out).toBe('');
    expect((await spillway('consume work --group others')).out).toBe('one\ntwo\nthree\n');
    expect((await spillway('consume work --group late --from end')).out).toBe('');
    await spillway('produce work', 'four\nfive\n');
    const follower = start(['consume', 'work', '--group', 'team', '--follow'], cwd);
    await follower.shows('five');
    follower.child.kill('SIGINT');
    const { code, out } = await follower.ended;
    expect([code, out]).toEqual([130, 'four\nfive\n']);
    expect((await spillway('consume work --group team')).out).toBe('');
    expectEnd(await spillway('consume work --group team --partition 0'), 2, /--group chooses the partitions/);
    expectEnd(await spillway('consume work --group team --until 3'), 2, /leave --since, --until and --day away/);
    expectEnd(await spillway('consume work --group team --from -3'), 2, /groups reset/);
  });

  test('Ctrl-C while producing: what was read is sent, the end is 130', async () => {
    const producer = start(['produce', 'slow'], cwd);
    producer.child.stdin.write('one\ntwo\n');
    await producer.shows('created topic slow');
    while ((await spillway('peek slow --format value')).out !== 'one\ntwo\n') await new Promise((resolve) => setTimeout(resolve, 20));
    producer.child.kill('SIGINT');
    const { code, err } = await producer.ended;
    expect([code, err]).toEqual([130, expect.stringMatching(/slow: 2 records/)]);
    expect((await spillway('consume slow')).out).toBe('one\ntwo\n');
  });

  test('a reader that goes away ends the program quietly', async () => {
    await spillway('produce many', 'x'.repeat(99).concat('\n').repeat(50_000));
    const consumer = start(['consume', 'many'], cwd);
    await new Promise<void>((resolve) => consumer.child.stdout.once('data', () => resolve()));
    consumer.child.stdout.destroy();
    const { code, err } = await consumer.ended;
    expect([code, err]).toEqual([0, '']);
  });

  test('help, version and a slip', async () => {
    const [version, help, slip] = await Promise.all([run(['--version'], cwd), run(['produce', '--help'], cwd), run(['prodcue'], cwd)]);
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect([help.code, help.out]).toEqual([0, expect.stringContaining('Examples:')]);
    expectEnd(slip, 2, /did you mean "produce"/);
  });

  test('every verb has help with examples', async () => {
    for (const { name } of verbs) {
      const { out, code } = await spillway(`${name} --help`);
      expect([code, out]).toEqual([0, expect.stringContaining(`Usage: spillway ${name}`)]);
      expect(out).toContain('Examples:');
    }
  });
});
