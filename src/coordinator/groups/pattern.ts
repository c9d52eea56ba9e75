/** Patterns that topics are subscribed by: RE2's syntax as far as JavaScript's covers it, matched against the whole name. */
import { limits } from '../../base/limits.ts';

export type Pattern = { test(name: string): boolean; message?: undefined } | { test?: undefined; message: string };

/** RE2 has neither backreferences nor looking around, so that no pattern takes long; here they are refused. */
const foreign = /\\[1-9]|\\k<|\(\?(?:[=!]|<[=!])/;

export function parsePattern(text: string): Pattern {
  if (text.length > limits.groupPatternMax) {
    return { message: `a pattern has at most ${limits.groupPatternMax} characters, not ${text.length}` };
  }
  if (foreign.test(text)) return { message: `"${text}" looks around or back, which RE2 does not know: write it without` };
  try {
    const pattern = new RegExp(`^(?:${text})$`);
    return { test: (name) => pattern.test(name) };
  } catch (error) {
    return { message: `"${text}" is no regular expression: ${error instanceof Error ? error.message : error}` };
  }
}
