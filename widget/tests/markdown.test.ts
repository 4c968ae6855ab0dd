import { expect, test } from "vitest";
import { type Block, type Inline, inline, parse } from "../src/panel/markdown";

const text = (words: string) => ({ type: "text", text: words });

test("HTML and images are text", () => {
  expect(inline('<img src=x onerror="alert(1)"> ![a cat](https://example.com/cat.png)')).toEqual([text('<img src=x onerror="alert(1)"> a cat')]);
});

test("a source's number is a source, and a link with a number is a link", () => {
  expect(inline("30 days. [1]")).toEqual([text("30 days."), { type: "source", id: 1 }]);
  expect(inline("[1](https://example.com)")).toEqual([{ type: "link", href: "https://example.com", children: [text("1")] }]);
});

test("words with underscores and addresses within words are what they are", () => {
  expect(inline("snake_case_name and xhttps://a.b")).toEqual([text("snake_case_name and xhttps://a.b")]);
});

test("what is open at the end of the text counts as closed there", () => {
  expect(inline("so **bold")).toEqual([text("so "), { type: "strong", children: [text("bold")] }]);
  expect(inline("so **")).toEqual([text("so ")]);
  expect(inline("see [the page](https://exam")).toEqual([text("see the page")]);
});

test("blocks follow each other and hold each other", () => {
  const blocks = parse("# Head\n1. one\n2. two\n   - in two\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\n# no head\n```\nend");
  expect(blocks.map(({ type }) => type)).toEqual(["heading", "list", "quote", "table", "code", "paragraph"]);
  const [, list] = blocks as [Block, Block & { type: "list" }];
  expect(list.items[1]?.map(({ type }) => type)).toEqual(["paragraph", "list"]);
});

// An answer is drawn again with every token: none of its beginnings may take long, and a hostile one not either.
test("every beginning of a text is parsed, and a hostile text is parsed quickly", () => {
  const whole = "Hello **bold _and_ `code`** [link](https://example.com/a_(b)) ~~gone~~ [2]\n\n- a\n- b\n\n| x | y |\n|---|---|\n| 1 | 2 |\n";
  for (let end = 0; end <= whole.length; end += 1) expect(words(parse(whole.slice(0, end)))).not.toContain("undefined");
  for (const hostile of ["[".repeat(5_000), "*".repeat(5_000), "> ".repeat(2_000), "**a ".repeat(1_500), "`a``".repeat(1_500), "[a](".repeat(1_500)]) {
    expect(parse(hostile).length).toBeGreaterThan(0);
  }
});

function words(blocks: Block[]): string {
  return JSON.stringify(blocks satisfies (Block | Inline)[]);
}
