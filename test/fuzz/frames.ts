/**
 * Frames with something wrong in them, thrown at what reads them: messages of every API and version, with bytes changed, cut, put in, and lengths
 * that lie. The reader must give a message or a typed refusal, the same one each time, and allocate nothing that the frame does not hold.
 */
import { limits } from '../../src/base/limits.ts';
import { apis } from '../../src/kafka/apis.ts';
import { FrameCutter, readRequestHeader, writeRequestHeader } from '../../src/kafka/frame.ts';
import { readRequest, readResponse } from '../../src/kafka/read-fields.ts';
import { Malformed, Reader } from '../../src/kafka/reader.ts';
import type { Api } from '../../src/kafka/schema.ts';
import { writeRequest, writeResponse } from '../../src/kafka/write-fields.ts';
import { Writer } from '../../src/kafka/writer.ts';
import { type Random, seededRandom } from '../../src/world/random.ts';
import { anyMessage } from '../kafka/messages.ts';
import type { FuzzResult } from './records.ts';

/** Runs cases `from` to `to` of `seed`. Throws, naming seed and case, when a reader breaks a promise. */
export function fuzzFrames(seed: number, from: number, to: number): FuzzResult {
  const reasons: Record<string, number> = {};
  for (let number = from; number < to; number++) {
    const random = seededRandom(seed + number * 7919);
    const api: Api = apis[random.below(apis.length)];
    const version = api.versions[0] + random.below(api.versions[1] - api.versions[0] + 1);
    const isRequest = random.below(2) === 0;
    const bytes = mutated(frameOf(api, version, isRequest, random), random);
    try {
      const reason = read(api, version, isRequest, bytes);
      if (read(api, version, isRequest, bytes) !== reason) throw new Error('two readings end differently');
      const whole = cut(bytes, random, true);
      if (cut(bytes, random, false) !== whole) throw new Error('the pieces that bytes come in change their frames');
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    } catch (error) {
      const where = `frames: seed ${seed}, case ${number}: ${api.name} ${version} ${isRequest ? 'request' : 'response'}`;
      throw new Error(`${where}: ${error}\n${bytes.subarray(0, 500).toString('hex')}`, { cause: error });
    }
  }
  return { cases: to - from, reasons };
}

/** Requests with their size and header, responses bare. */
export function frameOf(api: Api, version: number, isRequest: boolean, random: Random): Buffer {
  const writer = new Writer(1024);
  const message = anyMessage(isRequest ? api.request : api.response, version, random.below(2 ** 31)) as never;
  const sized = writer.sized();
  if (isRequest) {
    writeRequestHeader(writer, api, version, random.below(2 ** 31), random.below(2) === 0 ? null : 'client');
    writeRequest(api, version, writer, message);
  } else writeResponse(api, version, writer, message);
  sized();
  return Buffer.concat(writer.take());
}

/** What a length field is set to. */
const lies = ['ffffffff', '00000000', '7fffffff', '80000000', 'ffff', '7fff', '00', 'ffffffff0f', 'ffffffffffff', '000f4241'];

export function mutated(frame: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(frame);
  const at = 4 + random.below(bytes.length - 3);
  switch (random.below(6)) {
    case 0:
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2: {
      for (let left = 1 + random.below(4); left > 0; left--)
        bytes[Math.min(bytes.length - 1, 4 + random.below(bytes.length - 3))] ^= 1 << random.below(8);
      return bytes;
    }
    case 3: {
      const lie = Buffer.from(lies[random.below(lies.length)], 'hex');
      return Buffer.concat([bytes.subarray(0, at), lie, bytes.subarray(Math.min(bytes.length, at + lie.length))]);
    }
    case 4:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(random.bytes(1 + random.below(20))), bytes.subarray(at)]);
    default: {
      bytes.writeInt32BE([-1, 0, 9, limits.frameBytesMax, limits.frameBytesMax + 1, 0x7fff_ffff][random.below(6)], 0);
      return bytes;
    }
  }
}

function read(api: Api, version: number, isRequest: boolean, bytes: Buffer): string {
  const reader = new Reader(bytes, 4);
  try {
    if (!isRequest) readResponse(api, version, reader);
    else {
      const header = readRequestHeader(reader);
      if (header.known) readRequest(header.api, header.version, reader);
    }
    return 'read';
  } catch (error) {
    if (error instanceof Malformed) return error.reason;
    throw error;
  }
}

/** The frames of some bytes, in one piece or in many: their lengths, and why there are no more. */
function cut(bytes: Buffer, random: Random, whole: boolean): string {
  const cutter = new FrameCutter({ bytesMin: 4 });
  const lengths: number[] = [];
  try {
    for (let at = 0; at < bytes.length; ) {
      const end = whole ? bytes.length : Math.min(bytes.length, at + 1 + random.below(50));
      cutter.feed(bytes.subarray(at, end), (frame) => lengths.push(frame.length));
      at = end;
    }
    return lengths.join();
  } catch (error) {
    if (error instanceof Malformed) return `${lengths.join()} ${error.reason}`;
    throw error;
  }
}
