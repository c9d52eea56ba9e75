/** Messages made by chance from a table: every field, null where it may be, lists of none to three, tagged fields there or not. */
import { defaultOf, type Field, hasField, isNullable, type Shape } from '../../src/kafka/schema.ts';
import { type Random, seededRandom } from '../../src/world/random.ts';

export type Message = Record<string, unknown>;

/** Fields that the version lacks hold their default, as a reader gives them. */
export function anyMessage(shape: Shape, version: number, seed: number): Message {
  return fieldsOf(shape, version, seededRandom(seed));
}

function fieldsOf(shape: Shape, version: number, random: Random): Message {
  return Object.fromEntries(
    Object.entries(shape).map(([name, field]) => [name, hasField(field, version) ? anyValue(field, version, random) : defaultOf(field)]),
  );
}

function anyValue(field: Field, version: number, random: Random): unknown {
  if (field.options.tag !== undefined && random.below(2) === 0) return defaultOf(field);
  if (isNullable(field, version) && random.below(4) === 0) return null;
  switch (field.type) {
    case 'bool':
      return random.below(2) === 1;
    case 'int8':
      return random.below(0x100) - 0x80;
    case 'int16':
      return random.below(0x1_0000) - 0x8000;
    case 'uint16':
      return random.below(0x1_0000);
    case 'int32':
      return random.below(0x1_0000_0000) - 0x8000_0000;
    case 'int64':
      return (random.below(0x10_0000) - 0x8_0000) * 0x1_0000_0000 + random.below(0x1_0000_0000);
    case 'float64':
      return random.below(1_000_000) / 7;
    case 'string':
      return ['', 'a', 'ünï', 'topic-1', 'x'.repeat(random.below(300))][random.below(5)];
    case 'uuid':
      return Array.from({ length: 32 }, () => random.below(16).toString(16)).join('');
    case 'bytes':
    case 'records':
      return Buffer.alloc(random.below(200), random.below(256));
    case 'array':
      return Array.from({ length: random.below(4) }, () => anyValue(field.items as Field, version, random));
    case 'struct':
      return fieldsOf(field.shape ?? {}, version, random);
  }
}
