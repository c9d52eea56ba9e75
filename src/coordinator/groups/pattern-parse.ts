/** Reads a pattern of RE2 (pattern.ts has its grammar). What RE2 refuses, such as looking around, is refused; JavaScript says what is in a class. */

export type Piece =
  | { piece: 'character'; set: Uint8Array }
  /** '^', '$', 'b' or 'B'. */
  | { piece: 'assert'; what: string }
  | { piece: 'sequence'; pieces: Piece[] }
  | { piece: 'choice'; pieces: Piece[] }
  | { piece: 'repeat'; of: Piece; min: number; max: number };

export class Unreadable extends Error {}

/** RE2's own bound. */
const REPEATS_MAX = 1000;
const ASCII = 128;

export function parse(text: string): Piece {
  const reader = new PatternReader(text);
  const piece = reader.choice(false);
  if (reader.rest !== '') throw new Unreadable(`")" at ${reader.at} closes nothing`);
  return piece;
}

class PatternReader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get rest(): string {
    return this.#text.slice(this.at);
  }

  choice(ignoresCase: boolean): Piece {
    const branches: Piece[][] = [[]];
    let folds = ignoresCase;
    while (this.at < this.#text.length && !this.#sees(')')) {
      const flags = this.#take(/^\(\?([imsU]*)(?:-([imsU]+))?\)/);
      if (flags !== null) {
        folds = flags[2]?.includes('i') ? false : folds || flags[1].includes('i');
        continue;
      }
      if (this.#sees('|')) {
        this.at++;
        branches.push([]);
        continue;
      }
      branches[branches.length - 1].push(this.#repeated(this.#atom(folds)));
    }
    const pieces = branches.map((branch): Piece => ({ piece: 'sequence', pieces: branch }));
    return pieces.length === 1 ? pieces[0] : { piece: 'choice', pieces };
  }

  #repeated(of: Piece): Piece {
    const found = this.#take(/^(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/);
    if (found === null) return of;
    const [whole, sign, least, comma, most] = found;
    const min = sign === undefined ? Number(least) : sign === '+' ? 1 : 0;
    let max = Number.POSITIVE_INFINITY;
    if (sign === '?') max = 1;
    else if (sign === undefined && comma === undefined) max = min;
    else if (sign === undefined && most !== '') max = Number(most);
    if (max < min || min > REPEATS_MAX || (max > REPEATS_MAX && max !== Number.POSITIVE_INFINITY)) {
      throw new Unreadable(`"${whole}" repeats from 0 up to ${REPEATS_MAX} times, the first number not above the second`);
    }
    if (/^(?:[*+?]|\{\d+(?:,\d*)?\})/.test(this.rest))
      throw new Unreadable(`"${whole}${this.rest[0]}" repeats a repetition: put it in brackets`);
    return { piece: 'repeat', of, min, max };
  }

  #atom(folds: boolean): Piece {
    if (this.#sees('(')) return this.#group(folds);
    if (this.#sees('[')) return characters(this.#bracket(), folds);
    if (this.#sees('\\')) return this.#escape(folds);
    const character = this.#text[this.at++];
    if (character === '.') return characters('[^\\n]', false);
    if (character === '^' || character === '$') return { piece: 'assert', what: character };
    if ('*+?'.includes(character)) throw new Unreadable(`"${character}" at ${this.at - 1} repeats nothing`);
    return literal(character, folds);
  }

  #group(folds: boolean): Piece {
    const from = this.at;
    const opening = this.#take(/^\((?:\?(?:P?<[A-Za-z_]\w*>|([imsU]*)(?:-([imsU]+))?:))?/);
    if (opening === null || this.rest.startsWith('?'))
      throw new Unreadable(`"${this.#text.slice(from, from + 4)}" at ${from} is not known to RE2`);
    const [, on, off] = opening;
    const inner = this.choice(off?.includes('i') ? false : folds || (on?.includes('i') ?? false));
    if (!this.#sees(')')) throw new Unreadable(`"(" at ${from} is not closed`);
    this.at++;
    return inner;
  }

  /** The text of a class, as JavaScript reads it. */
  #bracket(): string {
    const from = this.at;
    const found = this.#take(/^\[\^?\]?(?:\\[\s\S]|\[:\^?\w+:\]|[^\]\\])*\]/);
    if (found === null) throw new Unreadable(`"[" at ${from} is not closed`);
    const named = found[0].replace(/\[:(\^?)(\w+):\]/g, (_, not: string, name: string) => {
      const inside = posix[name];
      if (inside === undefined || not !== '') throw new Unreadable(`"[:${not}${name}:]" is not known here`);
      return inside;
    });
    // "]" right after the opening stands for itself.
    return named.replace(/^\[(\^?)\]/, '[$1\\]').replace(/(?<!\\)\[(?!\^|$)/g, (sign, at: number) => (at === 0 ? sign : '\\['));
  }

  #escape(folds: boolean): Piece {
    const quoted = this.#take(/^\\Q([\s\S]*?)(?:\\E|$)/);
    if (quoted !== null) return { piece: 'sequence', pieces: [...quoted[1]].map((character) => literal(character, folds)) };
    const assertion = this.#take(/^\\([bBAz])/);
    if (assertion !== null) return { piece: 'assert', what: { A: '^', z: '$' }[assertion[1]] ?? assertion[1] };
    const known = this.#take(/^\\(?:[dDwWsS]|[pP](?:\{\^?\w+\}|[A-Z])|[tnrfv]|x[0-9A-Fa-f]{2}|x\{[0-9A-Fa-f]{1,6}\}|0[0-7]{0,2}|[^\w\s])/);
    if (known === null) throw new Unreadable(`"${this.rest.slice(0, 2)}" at ${this.at} is not known to RE2`);
    const hex = /^\\x\{(\w+)\}$/.exec(known[0]);
    if (hex !== null) return literal(String.fromCodePoint(Math.min(Number.parseInt(hex[1], 16), 0x10ffff)), folds);
    if (/^\\0/.test(known[0])) return literal(String.fromCharCode(Number.parseInt(known[0].slice(1), 8)), folds);
    const category = /^\\([pP])(?:\{(\^?)(\w+)\}|(\w))$/.exec(known[0]);
    if (category === null) return /^\\[^\w\s]$/.test(known[0]) ? literal(known[0][1], folds) : characters(`[${known[0]}]`, folds);
    const isNot = (category[1] === 'P') !== (category[2] === '^');
    return characters(`[\\${isNot ? 'P' : 'p'}{${category[3] ?? category[4]}}]`, folds);
  }

  #sees(sign: string): boolean {
    return this.#text[this.at] === sign;
  }

  #take(what: RegExp): RegExpExecArray | null {
    const found = what.exec(this.rest);
    if (found !== null) this.at += found[0].length;
    return found;
  }
}

const posix: Record<string, string> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t ',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  word: '\\w',
  xdigit: '0-9A-Fa-f',
};

function literal(character: string, folds: boolean): Piece {
  const set = new Uint8Array(ASCII);
  for (const one of folds ? [character.toLowerCase(), character.toUpperCase()] : [character]) {
    const code = one.charCodeAt(0);
    if (one.length === 1 && code < ASCII) set[code] = 1;
  }
  return { piece: 'character', set };
}

/** The characters that a class of JavaScript's has: it is asked of one at a time. */
function characters(source: string, folds: boolean): Piece {
  const set = new Uint8Array(ASCII);
  try {
    const found = new RegExp(`^${source}$`, `${folds ? 'i' : ''}${/\\[pP]\{/.test(source) ? 'u' : ''}`);
    for (let code = 0; code < ASCII; code++) set[code] = found.test(String.fromCharCode(code)) ? 1 : 0;
  } catch (error) {
    throw new Unreadable(error instanceof Error ? error.message : String(error));
  }
  return { piece: 'character', set };
}
