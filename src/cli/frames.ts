/**
 * Length-prefixed records, as binary files and in-house protocols have them: `length · bytes`, one after the other, nothing between them.
 *
 *   length   1, 2 or 4 bytes, the high byte first or last; of the bytes that follow, or of itself too
 *   ffffffff in a length of 4 bytes: no value (a tombstone)
 *
 * Such a stream has no marks: what is half, too large or shifted is told with the byte at which it begins, and never guessed at.
 */
import { InputError, UsageError } from './exit.ts';
import type { Item, Source } from './input/items.ts';
import { itemBytesMax, tooLong } from './input/items.ts';
import type { OptionTable, OptionValues } from './options.ts';

export interface FrameForm {
  lengthBytes: 1 | 2 | 4;
  order: 'big' | 'little';
  /** The length counts its own bytes too. */
  countsItself: boolean;
}

/** Of every verb that reads or writes frames. */
export const frameOptions = {
  'length-bytes': { type: 'text', value: 'N', choices: ['1', '2', '4'], about: 'bytes of each length (length-prefixed; default 4)' },
  'byte-order': { type: 'text', value: 'ORDER', choices: ['big', 'little'], about: 'of each length (length-prefixed; default big)' },
  'length-counts-itself': { type: 'flag', about: 'the length is that of itself and the record (length-prefixed)' },
} as const satisfies OptionTable;

/** Throws UsageError when frames are spoken of where there are none. */
export function frameFormOf(values: OptionValues<typeof frameOptions>, format: string, verb: string): FrameForm {
  const given = Object.keys(frameOptions).find((name) => values[name as keyof typeof frameOptions]);
  if (format !== 'length-prefixed' && given !== undefined)
    throw new UsageError(`--${given} is for --format length-prefixed, not ${format}`, verb);
  return {
    lengthBytes: Number(values['length-bytes'] ?? 4) as FrameForm['lengthBytes'],
    order: (values['byte-order'] ?? 'big') as FrameForm['order'],
    countsItself: values['length-counts-itself'],
  };
}

export const plainFrames: FrameForm = { lengthBytes: 4, order: 'big', countsItself: false };

const NO_VALUE = 0xffff_ffff;

export interface FrameLimits {
  /** Bytes of the largest record. */
  bytesMax?: number | undefined;
  /** Told of a record that the input ends in, which is then passed over; else it is thrown. */
  cut?: ((error: InputError) => void) | undefined;
}

/** One item per record; its place is the byte at which its length begins. */
export async function* readFrames({ name, chunks }: Source, form: FrameForm, limits: FrameLimits = {}): AsyncGenerator<Item[]> {
  const { lengthBytes } = form;
  const bytesMax = limits.bytesMax ?? itemBytesMax;
  let place = 0;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  // Bytes that must be there before another record can be whole: pieces are joined once, not per piece.
  let wanted: number = lengthBytes;
  for await (const chunk of chunks) {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes < wanted) continue;
    const bytes = waiting.length === 1 ? chunk : Buffer.concat(waiting);
    const items: Item[] = [];
    let at = 0;
    for (;;) {
      wanted = lengthBytes;
      if (bytes.length - at < wanted) break;
      const length = contentBytes(bytes, at, form);
      const isNull = length === null;
      if (!isNull && (length < 0 || length > bytesMax)) {
        // What came before it is sound.
        if (items.length > 0) yield items;
        throw length < 0 ? tooShort(name, place, length + lengthBytes, lengthBytes) : tooLong(name, `byte ${place}`, bytesMax, length);
      }
      wanted = lengthBytes + (length ?? 0);
      if (bytes.length - at < wanted) break;
      items.push({ bytes: isNull ? null : bytes.subarray(at + lengthBytes, at + wanted), place });
      at += wanted;
      place += wanted;
    }
    waiting = at === bytes.length ? [] : [bytes.subarray(at)];
    waitingBytes = bytes.length - at;
    if (items.length > 0) yield items;
  }
  if (waitingBytes === 0) return;
  const error = new InputError(
    name,
    `byte ${place}`,
    `the input ends within a record: ${waitingBytes} bytes are there, ${wanted} were announced`,
  );
  if (limits.cut === undefined) throw error;
  limits.cut(error);
}

/** The record as a frame. Throws an Error that says why it has none in this form. */
export function frameOf(value: Uint8Array | null, form: FrameForm): Buffer {
  const { lengthBytes, order, countsItself } = form;
  const length = value === null ? NO_VALUE : value.length + (countsItself ? lengthBytes : 0);
  if (value === null && lengthBytes !== 4) throw new Error(`a record without a value has no frame with a length of ${lengthBytes} bytes`);
  if (length >= 2 ** (8 * lengthBytes) && value !== null) {
    throw new Error(`its value has ${value.length} bytes, more than a length of ${lengthBytes} bytes can say`);
  }
  const bytes = Buffer.allocUnsafe(lengthBytes + (value?.length ?? 0));
  if (order === 'big') bytes.writeUIntBE(length, 0, lengthBytes);
  else bytes.writeUIntLE(length, 0, lengthBytes);
  if (value !== null) bytes.set(value, lengthBytes);
  return bytes;
}

/** Bytes of the record itself: negative when the length does not even count its own, null where there is no value. */
function contentBytes(bytes: Buffer, at: number, { lengthBytes, order, countsItself }: FrameForm): number | null {
  const length = order === 'big' ? bytes.readUIntBE(at, lengthBytes) : bytes.readUIntLE(at, lengthBytes);
  if (lengthBytes === 4 && length === NO_VALUE) return null;
  return countsItself ? length - lengthBytes : length;
}

function tooShort(name: string, place: number, length: number, lengthBytes: number): InputError {
  const what = `it announces ${length} bytes, fewer than the ${lengthBytes} of the length itself; is --length-counts-itself right?`;
  return new InputError(name, `byte ${place}`, what);
}
