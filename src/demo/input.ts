/** The data set that the demonstration carries: the US flights of the npm package vega-datasets, or files that are named. */
import { fileURLToPath } from 'node:url';
import { MiB } from '../base/bytes.ts';
import { InputError, NotFoundError } from '../cli/exit.ts';
import { formatOfName, readerOf, recordMaker } from '../cli/input/records.ts';
import { fileBytes, readChunks } from '../world/files.ts';

export interface DemoRecord {
  key: Buffer;
  /** The key as a name for it: its bytes as Latin-1. */
  name: string;
  value: Buffer;
}

/** All of it is held in memory, since it is sent many times. */
const BYTES_MAX = 512 * MiB;

const flightsName = 'flights-20k.json';

/** Where the flights lie. Throws NotFoundError, saying how to get them. */
export function flightsFile(resolve: (name: string) => string = (name) => import.meta.resolve(name)): string {
  let path: string;
  try {
    path = fileURLToPath(new URL(`../data/${flightsName}`, resolve('vega-datasets')));
  } catch (cause) {
    throw Object.assign(missing('the npm package "vega-datasets" is not installed'), { cause });
  }
  if (fileBytes(path) === null) throw missing(`${path} is not there`);
  return path;
}

function missing(what: string): NotFoundError {
  return new NotFoundError(
    `${what}, so there are no flights to carry; in the repository run "npm ci", or name files: npm run demo -- FILE… --key FIELD`,
  );
}

/** Every record of the files, its value byte for byte as it stands there, its key the text of `keyField`. */
export async function readInput(files: readonly string[], keyField: string): Promise<DemoRecord[]> {
  const records: DemoRecord[] = [];
  let bytes = 0;
  for (const file of files) {
    const format = formatOfName(file);
    const options = { format, ...(format === 'text' ? {} : { keyField }) };
    const make = recordMaker(options, file);
    for await (const items of readerOf(options)({ name: file, chunks: readChunks(file) })) {
      for (const item of items) {
        const record = make(item);
        if (record === null) continue;
        const value = record.value as Buffer;
        bytes += value.length;
        if (bytes > BYTES_MAX)
          throw new InputError(
            file,
            `record ${records.length}`,
            `more than ${BYTES_MAX} bytes in all, which the demonstration keeps in memory`,
          );
        const key = Buffer.from(String(record.key ?? ''));
        records.push({ key, name: key.toString('latin1'), value });
      }
    }
  }
  if (records.length === 0) throw new InputError(files.join(', '), 'all of it', 'there are no records');
  return records;
}
