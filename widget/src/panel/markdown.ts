// The markdown that answers are written in, as a tree: paragraphs, headings, lists, quotes, code, tables; bold, italic, struck, code, links.
//
// No HTML and no images: what looks like them stays text. Made for texts that are still being written: what is open at the end of the
// text counts as closed there, so that no stars and brackets flicker. (A full parser would be half of what the chat loads.)

export type Inline =
  | { type: "text"; text: string }
  | { type: "code"; text: string }
  | { type: "break" }
  | { type: "source"; id: number }
  | { type: "strong" | "em" | "del"; children: Inline[] }
  | { type: "link"; href: string; children: Inline[] };

export type Block =
  | { type: "paragraph" | "heading"; children: Inline[] }
  | { type: "code"; text: string }
  | { type: "quote"; children: Block[] }
  | { type: "list"; start: number | null; items: Block[][] }
  | { type: "table"; head: Inline[][]; rows: Inline[][][] }
  | { type: "rule" };

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$/;
const RULE = /^ {0,3}([-*_])\s*(\1\s*){2,}$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])( +|$)/;
const DIVIDER = /^ {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

// Quotes and lists within one another; more is nobody's answer.
const DEPTH_MAX = 8;

export function parse(text: string, depth = 0): Block[] {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; ) {
    const [block, next] = readBlock(lines, at, depth);
    if (block) blocks.push(block);
    at = next;
  }
  return blocks;
}

function readBlock(lines: string[], at: number, depth: number): [Block | null, number] {
  const line = lines[at] ?? "";
  if (line.trim() === "") return [null, at + 1];
  const fence = FENCE.exec(line)?.[1];
  if (fence) return readCode(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) return [{ type: "heading", children: inline(heading[1] ?? "") }, at + 1];
  if (RULE.test(line)) return [{ type: "rule" }, at + 1];
  if (depth < DEPTH_MAX && QUOTE.test(line)) {
    const end = first(lines, at, (other) => !QUOTE.test(other));
    const inner = lines.slice(at, end).map((other) => other.replace(QUOTE, ""));
    return [{ type: "quote", children: parse(inner.join("\n"), depth + 1) }, end];
  }
  if (depth < DEPTH_MAX && ITEM.test(line)) return readList(lines, at, depth);
  if (line.includes("|") && DIVIDER.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").includes("-")) return readTable(lines, at);
  const end = first(lines, at + 1, (other) => other.trim() === "" || startsBlock(other));
  return [{ type: "paragraph", children: inline(lines.slice(at, end).join("\n")) }, end];
}

function readCode(lines: string[], at: number, fence: string): [Block, number] {
  const end = first(lines, at + 1, (line) => line.trim().startsWith(fence) && line.trim().replaceAll(fence[0] ?? "", "") === "");
  return [{ type: "code", text: lines.slice(at + 1, end).join("\n") }, Math.min(end + 1, lines.length)];
}

function readList(lines: string[], at: number, depth: number): [Block, number] {
  const kind = (marker: string | undefined) => (/\d/.test(marker ?? "") ? "number" : marker);
  const [, indent = "", marker = ""] = ITEM.exec(lines[at] ?? "") ?? [];
  const items: string[][] = [];
  let end = at;
  for (; end < lines.length; end += 1) {
    const line = lines[end] ?? "";
    const item = ITEM.exec(line);
    if (item && (item[1] ?? "").length <= indent.length + 1) {
      if (kind(item[2]) !== kind(marker)) break;
      items.push([line.slice(item[0].length)]);
    } else if (line.trim() === "") {
      // A blank line ends the list, unless it goes on behind it.
      const next = lines[end + 1] ?? "";
      if (!/^ {2,}\S/.test(next) && !(ITEM.exec(next) && kind(ITEM.exec(next)?.[2]) === kind(marker))) break;
      items.at(-1)?.push("");
    } else if (/^ {2,}/.test(line)) {
      items.at(-1)?.push(line.slice(Math.min(line.search(/\S/), indent.length + marker.length + 1)));
    } else if (startsBlock(line)) break;
    else items.at(-1)?.push(line.trim());
  }
  const start = kind(marker) === "number" ? Number.parseInt(marker, 10) : null;
  return [{ type: "list", start, items: items.map((item) => parse(item.join("\n"), depth + 1)) }, end];
}

function readTable(lines: string[], at: number): [Block, number] {
  const end = first(lines, at + 2, (line) => !line.includes("|"));
  const cells = (line: string) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => inline(cell.trim().replaceAll("\\|", "|")));
  const head = cells(lines[at] ?? "");
  const rows = lines.slice(at + 2, end).map(cells);
  return [{ type: "table", head, rows: rows.map((row) => head.map((_, column) => row[column] ?? [])) }, end];
}

function startsBlock(line: string): boolean {
  return FENCE.test(line) || HEADING.test(line) || QUOTE.test(line) || RULE.test(line) || ITEM.test(line);
}

function first(lines: string[], from: number, is: (line: string) => boolean): number {
  for (let at = from; at < lines.length; at += 1) if (is(lines[at] ?? "")) return at;
  return lines.length;
}

// In this order, at each place: what is escaped, code, links, sources, addresses, what is emphasised, the end of a line.
const PIECES: [RegExp, (match: RegExpExecArray) => Inline][] = [
  [/^\\([!-/:-@[-`{-~])/, ([, text = ""]) => ({ type: "text", text })],
  [/^(`+)([^`](?:.*?[^`])??)(?:\1(?!`)|$)/s, ([, , text = ""]) => ({ type: "code", text: text.replace(/\n/g, " ") })],
  [/^!?\[([^\]\n]*)\]\(\s*<?([^\s<>()]*(?:\([^\s()]*\)[^\s<>()]*)*)>?(?:\s+"[^"]*")?\s*(?:\)|$)/, ([whole, words = "", href = ""]) => linked(whole, words, href)],
  [/^ ?\[(\d{1,2})\](?!\()/, ([, id]) => ({ type: "source", id: Number(id) })],
  [/^<(https?:\/\/[^\s<>]+|[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+)>/, ([, href = ""]) => address(href)],
  [/^https?:\/\/[^\s<]*[^\s<.,:;!?"')\]*_]/, ([href]) => address(href)],
  [/^(\*\*|__)(?=\S)(.+?)(?:(?<=\S)\1(?!\*)|$)/s, ([, , inner = ""]) => ({ type: "strong", children: inline(inner.replace(/\*$/, "")) })],
  [/^\*(?=[^\s*])((?:[^*]|\*\*[^*]+\*\*)+?)(?:(?<=\S)\*(?!\*)|$)/s, ([, inner = ""]) => ({ type: "em", children: inline(inner) })],
  [/^~~(?=\S)(.+?)(?:~~|$)/s, ([, inner = ""]) => ({ type: "del", children: inline(inner) })],
  [/^ *\n/, () => ({ type: "break" })],
];

export function inline(text: string): Inline[] {
  const found: Inline[] = [];
  const say = (words: string) => {
    const last = found.at(-1);
    if (last?.type === "text") last.text += words;
    else if (words) found.push({ type: "text", text: words });
  };
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    // Most letters begin nothing.
    const plain = /^[^\\`![<h*_~\n ]+/.exec(rest)?.[0] ?? "";
    const within = /[\p{L}\p{N}]$/u.test(text.slice(0, at));
    const piece = plain ? null : match(rest, within);
    if (piece) {
      if (piece[0].type === "text") say(piece[0].text);
      else found.push(piece[0]);
    } else say(plain || (rest[0] ?? ""));
    at += piece ? piece[1] : plain.length || 1;
  }
  return found;
}

function match(rest: string, isWithinWord: boolean): [Inline, number] | null {
  // snake_case and addresses within words are what they are.
  if (isWithinWord && /^[_h]/.test(rest)) return null;
  // What only opens at the very end says nothing yet.
  if (/^(\*{1,2}|__|~~|`+|!?\[)$/.test(rest)) return [{ type: "text", text: "" }, rest.length];
  for (const [pattern, make] of PIECES) {
    const found = pattern.exec(rest);
    if (found) return [make(found), found[0].length];
  }
  return null;
}

// An image is its words; a link whose address is still coming is, too.
function linked(whole: string, words: string, href: string): Inline {
  if (whole.startsWith("!") || !whole.endsWith(")") || href === "") return { type: "text", text: words };
  return { type: "link", href, children: inline(words) };
}

function address(href: string): Inline {
  const isMail = !/^https?:/.test(href);
  return { type: "link", href: isMail ? `mailto:${href}` : href, children: [{ type: "text", text: href }] };
}
