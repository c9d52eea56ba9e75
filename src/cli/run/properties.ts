/**
 * Kafka's configuration files: Java's .properties, in UTF-8. One setting per line, `name=value`, also with `:` or a blank between them.
 * Lines that begin with # or ! are comments; a backslash at the end of a line goes on in the next; \t \n \r \f \uXXXX stand for what
 * they do in Java, and any other character behind a backslash for itself. What a name or a value means is not decided here.
 */

export interface Property {
  name: string;
  value: string;
  /** Where it begins, from 1. */
  line: number;
}

export function parseProperties(text: string): Property[] {
  const found: Property[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (let i = 0; i < lines.length; i++) {
    const line = i + 1;
    let logical = lines[i].trimStart();
    if (logical === '' || logical.startsWith('#') || logical.startsWith('!')) continue;
    while (endsOpen(logical) && i + 1 < lines.length) logical = logical.slice(0, -1) + lines[++i].trimStart();
    if (endsOpen(logical)) logical = logical.slice(0, -1);
    const { name, value } = split(logical);
    // Java keeps blanks at the end of a value; nobody means them.
    found.push({ name: unescaped(name), value: unescaped(value.trimEnd()), line });
  }
  return found;
}

/** An odd number of backslashes at the end: the last of them is not escaped itself. */
function endsOpen(line: string): boolean {
  return (/\\*$/.exec(line)?.[0].length ?? 0) % 2 === 1;
}

/** At the first `=`, `:` or blank that is not escaped. */
function split(line: string): { name: string; value: string } {
  let at = 0;
  while (at < line.length && !/[=:\s]/.test(line[at])) at += line[at] === '\\' ? 2 : 1;
  return { name: line.slice(0, at), value: line.slice(at).replace(/^\s*[=:]?\s*/, '') };
}

const escapes: Record<string, string> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g, (_, code: string | undefined, one: string) =>
    code === undefined ? (escapes[one] ?? one) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
