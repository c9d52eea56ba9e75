/** Every table, held against Apache Kafka's own definition of the message: field by field, in order. */
import { describe, expect, test } from 'vitest';
import { apis } from '../../src/kafka/apis.ts';
import type { Api } from '../../src/kafka/schema.ts';
import { javaSkipReason } from '../interop/java.ts';
import { ourFacts, type TheirMessage, theirFacts, theirFlexible, theirMessages, theirVersions } from './definitions.ts';

describe.skipIf(javaSkipReason !== null)(`Kafka's definitions${javaSkipReason ? ` (skipped: ${javaSkipReason})` : ''}`, () => {
  const theirs = javaSkipReason === null ? theirMessages() : new Map<string, TheirMessage>();
  const definitionOf = (name: string): TheirMessage => {
    const message = theirs.get(name);
    if (message === undefined) throw new Error(`Kafka has no message ${name}`);
    return message;
  };

  test.each(apis.map((api): [string, Api] => [api.name, api]))('%s', (name, api) => {
    for (const [kind, shape] of [
      ['Request', api.request],
      ['Response', api.response],
    ] as const) {
      const message = definitionOf(`${name}${kind}`);
      expect(message.apiKey).toBe(api.key);
      expect(theirFlexible(message)).toBe(api.flexible);
      expect(ourFacts(shape, api.versions)).toEqual(theirFacts(message, api.versions));
    }
    // A version that is still in the making is marked so on the request only.
    expect(theirVersions(definitionOf(`${name}Request`))).toEqual(api.versions);
  });

  test('headers are as frame.ts has them', () => {
    expect(theirFacts(definitionOf('RequestHeader'), [1, 2])).toEqual([
      'requestApiKey: int16 in 1-2, default 0',
      'requestApiVersion: int16 in 1-2, default 0',
      'correlationId: int32 in 1-2, default 0',
      'clientId: string in 1-2, null in 1-2, default "" flexible none',
    ]);
    expect(theirFlexible(definitionOf('RequestHeader'))).toBe(2);
    expect(theirFacts(definitionOf('ResponseHeader'), [0, 1])).toEqual(['correlationId: int32 in 0-1, default 0']);
    expect(theirFlexible(definitionOf('ResponseHeader'))).toBe(1);
  });

  test('a difference is seen: a type, a version, a null, a tag, a default, a field too many', () => {
    const message = definitionOf('FetchRequest');
    const altered = (change: (text: string) => string) => theirFacts(JSON.parse(change(JSON.stringify(message))) as TheirMessage, [4, 18]);
    const same = altered((text) => text);
    for (const change of [
      (text: string) => text.replace('"type":"int8"', '"type":"int16"'),
      (text: string) => text.replace('"versions":"11+"', '"versions":"12+"'),
      (text: string) => text.replace('"nullableVersions":"12+"', '"nullableVersions":"13+"'),
      (text: string) => text.replace('"tag":1', '"tag":2'),
      (text: string) => text.replace('"default":"0x7fffffff"', '"default":"1"'),
      (text: string) => text.replace('"fields":[', '"fields":[{"name":"X","type":"int8","versions":"0+"},'),
    ]) {
      expect(altered(change)).not.toEqual(same);
    }
  });
});
