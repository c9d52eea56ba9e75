/**
 * CSV with a header row (RFC 4180) becomes one JSON object per row. Fields stay text: a table does not say what is a number. Quoted
 * fields may hold the delimiter, line ends and doubled quotes.
 */
import { InputError } from '../exit.ts';
import { type Item, itemBytesMax, type Source, tooLong } from './items.ts';

export async function* readCsv(source: Source, delimiter = ',', bytesMax: number = itemBytesMax): AsyncGenerator<Item[]> {
  const rows = new RowScanner(source.name, delimiter, bytesMax);
  const table = new Table(source.name);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of source.chunks) {
    const items = table.take(rows.scan(decode(source.name, rows.line, decoder, chunk)));
    if (items.length > 0) yield items;
  }
  decode(source.name, rows.line, decoder, null);
  const items = table.take(rows.end());
  if (items.length > 0) yield items;
}

interface Row {
  line: number;
  fields: string[];
}

/** Names from the first row, objects from the others. */
class Table {
  readonly #source: string;
  #names: string[] | null = null;

  constructor(source: string) {
    this.#source = source;
  }

  take(rows: Row[]): Item[] {
    const items: Item[] = [];
    for (const { line, fields } of rows) {
      if (this.#names === null) {
        this.#names = this.#checkNames(fields, line);
        continue;
      }
      if (fields.length !== this.#names.length) {
        const what = `the row has ${fields.length} fields, the header has ${this.#names.length}`;
        throw new InputError(this.#source, `line ${line}`, what);
      }
      const content = Object.fromEntries(this.#names.map((name, i) => [name, fields[i]]));
      items.push({ bytes: Buffer.from(JSON.stringify(content)), place: line, content });
    }
    return items;
  }

  #checkNames(names: string[], line: number): string[] {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new InputError(this.#source, `line ${line}`, `the header names "${twice}" twice`);
    return names;
  }
}

/** 'start': of a field. 'plain', 'quoted': within one. 'quote': a quote within a quoted one, which ends it or doubles. */
type State = 'start' | 'plain' | 'quoted' | 'quote';

class RowScanner {
  line = 1;
  readonly #source: string;
  readonly #delimiter: string;
  readonly #charsMax: number;
  #state: State = 'start';
  #field = '';
  #fields: string[] = [];
  #chars = 0;
  #rowLine = 1;

  constructor(source: string, delimiter: string, charsMax: number) {
    this.#source = source;
    this.#delimiter = delimiter;
    this.#charsMax = charsMax;
  }

  scan(text: string): Row[] {
    const rows: Row[] = [];
    let at = 0;
    while (at < text.length) {
      const end = this.#plainEnd(text, at);
      if (end > at) {
        this.#field += text.slice(at, end);
        this.#chars += end - at;
        if (this.#chars > this.#charsMax) throw tooLong(this.#source, `line ${this.#rowLine}`, this.#charsMax);
        at = end;
      } else {
        this.#step(text[at++], rows);
      }
    }
    return rows;
  }

  end(): Row[] {
    if (this.#state === 'quoted') throw this.#refuse(this.#rowLine, 'a quoted field has no end');
    const rows: Row[] = [];
    if (this.#state !== 'start' || this.#fields.length > 0) this.#endRow(rows);
    return rows;
  }

  /** Where the run of characters ends that mean only themselves. */
  #plainEnd(text: string, from: number): number {
    if (this.#state === 'start' || this.#state === 'quote') return from;
    let at = from;
    if (this.#state === 'quoted') {
      while (at < text.length && text[at] !== '"' && text[at] !== '\n') at++;
      return at;
    }
    while (at < text.length && text[at] !== this.#delimiter && text[at] !== '\n' && text[at] !== '"') at++;
    return at;
  }

  #step(char: string, rows: Row[]): void {
    if (this.#state === 'quoted') {
      if (char === '"') this.#state = 'quote';
      else this.#append(char);
      if (char === '\n') this.line++;
    } else if (this.#state === 'quote' && char === '"') {
      this.#append(char);
      this.#state = 'quoted';
    } else if (char === this.#delimiter) this.#endField();
    else if (char === '\n') {
      this.#endRow(rows);
      this.line++;
      this.#rowLine = this.line;
    } else if (char === '"' && this.#state === 'start') this.#state = 'quoted';
    else if (char === '"') throw this.#refuse(this.line, 'a quote stands within a field that does not begin with one');
    else if (this.#state === 'quote' && char !== '\r') throw this.#refuse(this.line, `"${char}" follows the quote that ends a field`);
    else if (this.#state !== 'quote') {
      this.#append(char);
      this.#state = 'plain';
    }
  }

  #append(char: string): void {
    this.#field += char;
    this.#chars++;
  }

  #endField(): void {
    this.#fields.push(this.#field);
    this.#field = '';
    this.#state = 'start';
  }

  #endRow(rows: Row[]): void {
    // The CR of a CR LF; a quoted field's own CR is followed by its quote, and was not appended.
    if (this.#state === 'plain' && this.#field.endsWith('\r')) this.#field = this.#field.slice(0, -1);
    const isBlank = this.#fields.length === 0 && this.#field === '' && this.#state !== 'quote';
    this.#endField();
    if (!isBlank) rows.push({ line: this.#rowLine, fields: this.#fields });
    this.#fields = [];
    this.#chars = 0;
  }

  #refuse(line: number, what: string): InputError {
    return new InputError(this.#source, `line ${line}`, what);
  }
}

function decode(source: string, line: number, decoder: InstanceType<typeof TextDecoder>, chunk: Buffer | null): string {
  try {
    return chunk === null ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch {
    throw new InputError(source, `after line ${line}`, 'the text is not UTF-8');
  }
}
