// A parsed text as elements. What is not in this list of elements cannot appear, whoever wrote the text.

import type { ComponentChildren, VNode } from "preact";
import type { Citation } from "../../core/types";
import { type Block, type Inline, parse } from "../markdown";
import { vetted } from "../vetted";

export interface Citing {
  citations: Citation[];
  label(citation: Citation): string;
  opened(citation: Citation): void;
}

export function Markdown({ text, citing }: { text: string; citing: Citing }): VNode {
  return <>{blocks(parse(text), citing)}</>;
}

function blocks(all: Block[], citing: Citing): ComponentChildren[] {
  return all.map((block, key) => {
    switch (block.type) {
      case "paragraph":
        return <p key={key}>{inlines(block.children, citing)}</p>;
      case "heading":
        // A message is no page: its headings do not belong to the page's outline.
        return (
          <p key={key} class="heading">
            {inlines(block.children, citing)}
          </p>
        );
      case "code":
        // A wide block scrolls, and what scrolls must be reachable with the keyboard.
        return (
          <pre key={key} tabIndex={0}>
            <code>{block.text}</code>
          </pre>
        );
      case "quote":
        return <blockquote key={key}>{blocks(block.children, citing)}</blockquote>;
      case "list":
        return list(block, citing, key);
      case "table":
        return table(block, citing, key);
      case "rule":
        return <hr key={key} />;
    }
  });
}

function list({ start, items }: Block & { type: "list" }, citing: Citing, key: number): VNode {
  const entries = items.map((item, index) => <li key={index}>{tight(item, citing)}</li>);
  return start === null ? (
    <ul key={key}>{entries}</ul>
  ) : (
    <ol key={key} start={start}>
      {entries}
    </ol>
  );
}

// An item's first words stand beside its mark, without a paragraph's distance.
function tight([first, ...others]: Block[], citing: Citing): ComponentChildren {
  if (first?.type !== "paragraph") return blocks(first ? [first, ...others] : [], citing);
  return [...inlines(first.children, citing), ...blocks(others, citing)];
}

function table({ head, rows }: Block & { type: "table" }, citing: Citing, key: number): VNode {
  return (
    <div key={key} class="table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((cell, column) => (
              <th key={column} scope="col">
                {inlines(cell, citing)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, line) => (
            <tr key={line}>
              {row.map((cell, column) => (
                <td key={column}>{inlines(cell, citing)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function inlines(all: Inline[], citing: Citing): ComponentChildren[] {
  return all.map((piece, key) => {
    switch (piece.type) {
      case "text":
        return piece.text;
      case "code":
        return <code key={key}>{piece.text}</code>;
      case "break":
        return <br key={key} />;
      case "strong":
        return <strong key={key}>{inlines(piece.children, citing)}</strong>;
      case "em":
        return <em key={key}>{inlines(piece.children, citing)}</em>;
      case "del":
        return <del key={key}>{inlines(piece.children, citing)}</del>;
      case "source":
        return source(piece.id, citing, key);
      case "link":
        return link(piece, citing, key);
    }
  });
}

function link({ href, children }: Inline & { type: "link" }, citing: Citing, key: number): ComponentChildren {
  const address = vetted(href);
  const words = inlines(children, citing);
  if (!address) return words;
  return (
    <a key={key} href={address} target="_blank" rel="noopener noreferrer nofollow ugc">
      {words}
    </a>
  );
}

function source(id: number, citing: Citing, key: number): VNode {
  const citation = citing.citations.find((other) => other.id === id);
  // The sources come after the last word.
  if (!citation) return <span key={key} class="chip pending">{id}</span>;
  return <Chip key={key} citation={citation} citing={citing} />;
}

export function Chip({ citation, citing }: { citation: Citation; citing: Citing }): VNode {
  const address = vetted(citation.url);
  if (!address) return <span class="chip pending">{citation.id}</span>;
  const here = new URL(address).origin === location.origin;
  return (
    <a
      class="chip"
      href={address}
      aria-label={citing.label(citation)}
      title={citation.title ?? address}
      {...(!here && { target: "_blank", rel: "noopener" })}
      onClick={() => citing.opened(citation)}
    >
      {citation.id}
    </a>
  );
}
