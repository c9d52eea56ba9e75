/** The program's frame: finding verbs, help, errors and exit codes, whatever the verbs do. */
import { describe, expect, test } from 'vitest';
import { BusError } from '../../src/base/errors.ts';
import { exitCodeOf, exitCodes, InputError, NotFoundError, UsageError } from '../../src/cli/exit.ts';
import { runProgram } from '../../src/cli/program.ts';
import { parseSize } from '../../src/cli/session.ts';
import { gatheringOutput, type StopReason } from '../../src/cli/terminal.ts';
import { defineVerb, result } from '../../src/cli/verb.ts';
import { DiskError } from '../../src/world/disk.ts';
import { surroundings } from './fakes.ts';

let thrown: unknown = null;
const greet = defineVerb({
  name: 'greet',
  summary: 'Say hello',
  usage: 'NAME',
  words: { min: 1, max: 1 },
  options: { loud: { type: 'flag', about: 'in capitals' }, times: { type: 'number', about: 'how often', min: 1 } },
  examples: [['greet Ada --loud', 'HELLO ADA']],
  async run({ values, positionals, terminal, notice, folder }) {
    if (thrown !== null) throw thrown;
    notice('greeting');
    const text = `hello ${positionals[0]}`;
    await result(terminal, values.json, { text, folder }, () => `${values.loud ? text.toUpperCase() : text}\n`);
    return exitCodes.ok;
  },
});
const named = (name: string) =>
  defineVerb({ name, summary: name, usage: '', words: { min: 0, max: 0 }, options: {}, examples: [], run: async () => 0 });
const verbs = [greet, named('topics list'), named('topics create')];

async function run(...argv: string[]) {
  const around = surroundings();
  const code = await runProgram(argv, verbs, '1.2.3', around);
  return { code, out: around.terminal.written(), said: around.terminal.said.join('\n') };
}

describe('the frame', () => {
  test('runs a verb', async () => {
    expect(await run('greet', 'Ada', '--loud')).toEqual({ code: 0, out: 'HELLO ADA\n', said: 'greeting' });
    expect(await run('greet', 'Ada', '--json', '-q')).toEqual({
      code: 0,
      out: '{"text":"hello Ada","folder":"spillway-data"}\n',
      said: '',
    });
    expect((await run('greet', 'Ada', '--json', '--dir', 'x')).out).toContain('"folder":"x"');
    expect((await run('topics', 'list')).code).toBe(0);
  });

  test('version and help', async () => {
    expect(await run('--version')).toEqual({ code: 0, out: '1.2.3\n', said: '' });
    const { out, code } = await run('--help');
    expect(code).toBe(0);
    for (const { name } of verbs) expect(out).toContain(`  ${name}`);
    expect((await run('greet', '--help')).out).toContain('--times N               how often');
    expect((await run('help', 'greet')).out).toContain('spillway greet Ada --loud');
    expect((await run('help', 'topics')).out).toMatch(/topics list[\s\S]*topics create/);
  });

  test('help of a verb fits the page, whatever its text is made of, and leaves out brokers where they are of no use', async () => {
    const wordy = {
      ...greet,
      about: `One sentence\nof two lines.\n${'word '.repeat(50).trim()}\n\nAnother paragraph.`,
      folderOnly: 'why not',
    };
    const around = surroundings();
    await runProgram(['greet', '--help'], [wordy], '1.2.3', around);
    const lines = around.terminal.written().split('\n');
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    expect(lines).toEqual(expect.arrayContaining(['One sentence of two lines.', 'Another paragraph.']));
    expect(around.terminal.written()).not.toContain('--bootstrap');
    expect((await run('greet', '--help')).out).toContain('--bootstrap');
  });

  test.each([
    [[], 'spillway: what is to be done?\nTry "spillway --help".'],
    [['gret'], 'spillway: there is no verb "gret"; did you mean "greet"?\nTry "spillway --help".'],
    [['xyzzy'], 'spillway: there is no verb "xyzzy"; there are greet, topics\nTry "spillway --help".'],
    [['topics'], 'spillway: topics what? list, create\nTry "spillway --help".'],
    [['topics', 'lsit'], 'spillway: there is no verb "topics lsit"; did you mean "topics list"?\nTry "spillway --help".'],
    [['--dir', 'x', 'greet'], 'spillway: the verb comes first, before --dir\nTry "spillway --help".'],
    [['greet'], 'spillway: something is missing: spillway greet NAME\nTry "spillway greet --help".'],
    [['greet', 'a', 'b'], 'spillway: "b" is too much: spillway greet NAME\nTry "spillway greet --help".'],
    [['greet', 'a', '--lout'], 'spillway: there is no option --lout; did you mean "--loud"?\nTry "spillway greet --help".'],
  ])('a slip: %j', async (argv, said) => {
    expect(await run(...argv)).toEqual({ code: 2, out: '', said });
  });

  test('errors: a line for the expected, a stack for a bug, JSON when asked', async () => {
    thrown = new BusError('FOLDER_LOCKED', 'in use by process 7', { details: { pid: 7 } });
    expect(await run('greet', 'a')).toEqual({ code: 5, out: '', said: 'spillway: in use by process 7' });
    expect(JSON.parse((await run('greet', 'a', '--json')).said)).toEqual({
      error: { code: 'FOLDER_LOCKED', message: 'in use by process 7', exitCode: 5, details: { pid: 7 } },
    });
    thrown = new TypeError('x is not a function');
    const { code, said } = await run('greet', 'a');
    expect(code).toBe(1);
    expect(said).toMatch(/an unexpected error, which is a bug:\nTypeError: x is not a function\n\s+at /);
    thrown = null;
  });

  test.each([
    [new UsageError('x'), 2],
    [new NotFoundError('x'), 4],
    [new InputError('a', 'line 1', 'x'), 1],
    [new DiskError('ENOENT', 'open', 'x'), 4],
    [new DiskError('EIO', 'open', 'x'), 1],
    [new BusError('UNKNOWN_TOPIC_OR_PARTITION', 'x'), 4],
    [new BusError('FOLDER_LOCKED', 'x'), 5],
    [new BusError('DISK_FULL', 'x'), 1],
    ['text', 1],
  ])('%s ends with %i', (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });

  test.each<[StopReason, number]>([
    ['interrupted', 130],
    ['terminated', 143],
    ['reader gone', 0],
  ])('stopped (%s) ends with %i, a failure stays one', async (reason, code) => {
    const around = surroundings();
    around.terminal.end(reason);
    expect(await runProgram(['greet', 'Ada'], verbs, '', around)).toBe(code);
    expect(await runProgram(['greet'], verbs, '', around)).toBe(2);
  });
});

describe('output', () => {
  test('gathers small pieces, passes large ones on, keeps the order', async () => {
    const sent: Buffer[] = [];
    const out = gatheringOutput((piece, done) => {
      sent.push(Buffer.from(piece));
      setImmediate(done);
    });
    const pieces = Array.from({ length: 3000 }, (_, i) => (i % 100 === 7 ? Buffer.alloc(100_000, i) : Buffer.from(`piece ${i};`)));
    for (const piece of pieces) await out.write(piece);
    await out.flush();
    expect(Buffer.concat(sent).equals(Buffer.concat(pieces))).toBe(true);
    expect(sent.length).toBeLessThan(100);
  });

  test('waits for a slow reader', async () => {
    let release: (() => void) | undefined;
    const out = gatheringOutput((_, done) => {
      release = done;
    });
    const waiting = out.write(Buffer.alloc(200_000));
    expect(waiting).toBeInstanceOf(Promise);
    let done = false;
    void waiting?.then(() => {
      done = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    release?.();
    await waiting;
  });
});

test('sizes on the command line', () => {
  expect(['1024', '64MiB', '1.5g', '10 k', '3B'].map((text) => parseSize(text, 'memory'))).toEqual([1024, 67108864, 1610612736, 10240, 3]);
  for (const wrong of ['', 'x', '64 miles', '-1', '1e9']) expect(() => parseSize(wrong, 'memory')).toThrow(UsageError);
});
