/** `check FOLDER [--repair]`: every damage of a data folder, with file and position. It changes nothing unless told to repair. */
import { dirname, join, resolve } from 'node:path';
import { databaseName, takeCleanMarker } from '../coordinator/folder.ts';
import type { CheckStep, CheckSummary, Finding } from '../log/check.ts';
import { partitionOf } from '../log/files.ts';
import type { RepairStep } from '../log/repair.ts';
import { exitCodes, NotFoundError } from './exit.ts';
import { ownerOf } from './folder.ts';
import type { OptionTable } from './options.ts';
import { countOf, numberOf, Progress, sizeOf } from './progress.ts';
import { noFolder } from './session.ts';
import { type Call, defineVerb } from './verb.ts';

const options = {
  repair: { type: 'flag', about: 'mend what can be mended, and say what was done; nothing may have the folder open' },
} as const satisfies OptionTable;

export const check = defineVerb({
  name: 'check',
  summary: 'Find every damage of a data folder, and mend it if asked',
  usage: '[FOLDER]',
  words: { min: 0, max: 1 },
  folderOnly: 'it reads files, on the machine where they lie',
  options,
  about: `Walks all segments by checksum, compares indexes and checkpoints with them, and tells what does not fit. "stale" is what the next start puts
right by itself at no loss, such as the torn end of a log after a crash; "quarantined" is damage that is known and passed over; "damage" is
the rest. FOLDER may be the folder of one partition.
A repair never changes a file in place. Damaged records that cannot be mended stay where they are and are passed over by readers, so
that nothing good behind them is lost. The exit code is 3 when damage was found, mended or not. With --json there is a line per finding,
{ kind: "finding", severity, file, position, length, what, did }, and a last one, { kind: "summary", … }.`,
  examples: [
    ['check', 'the folder ./spillway-data'],
    ['check /srv/data --repair', 'mend another one'],
    ['check spillway-data/orders-0 --json', 'one partition, for a program'],
  ],
  run,
});

type CheckCall = Call<typeof options>;

/** The loop gives way to signals this often. */
const TURN_MS = 50;

async function run(call: CheckCall): Promise<number> {
  const { values, positionals, disk, notice } = call;
  const folder = positionals[0] ?? call.folder;
  if (disk.stat(folder) === null) throw noFolder(folder);
  if (disk.stat(folder)?.isDirectory !== true) throw new NotFoundError(`"${folder}" is a file; a folder is checked as a whole`);
  const data = dataFolderOf(folder);
  const owner = ownerOf(disk, data);
  if (values.repair) return repair(call, folder, data);
  if (owner !== null) notice(`the folder is open in process ${owner}: what that one is writing may show as stale`);
  const { checkFolder } = await import('../log/check.ts');
  return report(call, checkFolder(disk, folder));
}

/** The data folder of a partition's folder, or the folder itself. */
function dataFolderOf(folder: string): string {
  const path = resolve(folder);
  return partitionOf(path) === null ? path : dirname(path);
}

/** Owns the folder while it mends: the database is its lock. */
async function repair(call: CheckCall, folder: string, data: string): Promise<number> {
  const { disk } = call;
  const [{ repairFolder }, { openStore }] = await Promise.all([import('../log/repair.ts'), import('../coordinator/store.ts')]);
  // A folder without a database is nobody's yet, or a copy of partitions; it is not made one here.
  const store = disk.stat(join(data, databaseName)) === null ? null : openStore({ folder: data, disk, pid: process.pid });
  try {
    let isClean = true;
    return await report(call, repairFolder(disk, folder), () => {
      // The next start looks at what is mended as it does after a crash.
      if (isClean) takeCleanMarker(disk, data);
      isClean = false;
    });
  } finally {
    store?.close();
  }
}

/** Says what is found as it is found; `found` is called before anything is mended. */
async function report(
  call: CheckCall,
  steps: Iterator<CheckStep | RepairStep, CheckSummary>,
  found: () => void = () => {},
): Promise<number> {
  const { terminal, clock, values } = call;
  const progress = new Progress(terminal, clock, 'checking');
  const told = new Teller(call);
  let turnMs = clock.monotonicMs();
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) {
    if (step.value.kind === 'progress') {
      const { doneBytes, totalBytes } = step.value;
      if (!values.quiet) progress.update({ bytes: doneBytes, share: totalBytes === 0 ? 1 : doneBytes / totalBytes });
    } else {
      if (step.value.kind === 'finding') found();
      await told.tell(step.value);
    }
    if (clock.monotonicMs() - turnMs < TURN_MS) continue;
    await new Promise<void>((resolve) => clock.soon(resolve));
    turnMs = clock.monotonicMs();
    // A repair is not left half done within a partition: its steps are taken to their end.
    if (terminal.stop.aborted && !values.repair) return exitCodes.ok;
  }
  await told.end();
  terminal.draw('');
  await terminal.out.write(
    values.json ? `${JSON.stringify({ kind: 'summary', ...step.value, mended: told.mended })}\n` : summaryText(step.value, told),
  );
  return step.value.damages > 0 ? exitCodes.damage : exitCodes.ok;
}

/** Tells findings; in a repair each is held back until it is known what was done about it. */
class Teller {
  mended = 0;
  readonly #call: CheckCall;
  readonly #held = new Set<Finding>();

  constructor(call: CheckCall) {
    this.#call = call;
  }

  async tell(step: Extract<RepairStep, { kind: 'finding' | 'repaired' }>): Promise<void> {
    if (step.kind === 'repaired') {
      this.mended++;
      this.#held.delete(step.finding);
      await this.#write(step.finding, step.did);
    } else if (this.#call.values.repair) this.#held.add(step.finding);
    else await this.#write(step.finding, null);
  }

  /** What could not be mended. */
  async end(): Promise<void> {
    for (const finding of this.#held) await this.#write(finding, 'nothing: it cannot be mended');
  }

  async #write({ severity, path, position, length, what }: Finding, did: string | null): Promise<void> {
    const { terminal, values } = this.#call;
    terminal.draw('');
    const waiting = terminal.out.write(
      values.json
        ? `${JSON.stringify({ kind: 'finding', severity, file: path, position, length, what, did })}\n`
        : `${severity.padEnd(11)}  ${path}  at ${position}, ${length} bytes: ${what}${did === null ? '' : `\n             → ${did}`}\n`,
    );
    if (waiting !== undefined) await waiting;
  }
}

function summaryText(summary: CheckSummary, { mended }: Teller): string {
  const { partitions, segments, batches, records, bytes, damages, quarantined, stale } = summary;
  const looked = `${numberOf(partitions)} partitions, ${numberOf(segments)} segments, ${numberOf(batches)} batches, ${countOf(records)}, ${sizeOf(bytes)}`;
  const found = damages === 0 ? 'no damage' : `${numberOf(damages)} damage${damages === 1 ? '' : 's'}`;
  const more = Object.entries({ quarantined, stale, mended }).filter(([, count]) => count > 0);
  return `${looked}: ${[found, ...more.map(([name, count]) => `${numberOf(count)} ${name}`)].join(', ')}\n`;
}
