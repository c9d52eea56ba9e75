/** docs/protocol.md says what the tables in the code say. */
import { describe, expect, test } from 'vitest';
import { handlers } from '../../src/kafka/handlers.ts';
import { makeProtocolPage, protocolText } from './protocol.ts';

describe('docs/protocol.md', () => {
  test('is what the code says: after a change run `npm run docs`, read it and commit it', () => {
    expect(makeProtocolPage()).toBe(protocolText());
  });

  test('has a row and a section for every API that is spoken, with a sentence on what it is for', () => {
    const text = protocolText();
    for (const { api } of handlers) {
      const [, about] = text.split(`\n## ${api.name}\n\n`);
      expect(about, api.name).toMatch(/^[A-Z].{15,}\./);
      expect(text).toContain(`| ${api.key} | [${api.name}](#${api.name.toLowerCase()}) | ${api.versions.join('–')} |`);
    }
  });
});
