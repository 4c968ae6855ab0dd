// What a screen reader is told of an answer that is being written: whole sentences, when they are whole.

export class Sentences {
  private text = "";
  private told = 0;
  private readonly segmenter: Intl.Segmenter | null;

  constructor(
    language: string,
    private readonly tell: (sentence: string) => void,
  ) {
    this.segmenter = "Segmenter" in Intl ? new Intl.Segmenter(language, { granularity: "sentence" }) : null;
  }

  add(text: string): void {
    this.text += text;
    // The last segment may still grow.
    for (const sentence of this.segments().slice(0, -1)) this.say(sentence);
  }

  restart(): void {
    this.text = "";
    this.told = 0;
  }

  end(): void {
    this.say(this.text.slice(this.told));
  }

  private segments(): string[] {
    if (!this.segmenter) return [];
    return Array.from(this.segmenter.segment(this.text.slice(this.told)), ({ segment }) => segment);
  }

  private say(sentence: string): void {
    this.told += sentence.length;
    const words = spoken(sentence);
    if (words) this.tell(words);
  }
}

// The words without their marks.
export function spoken(markdown: string): string {
  return markdown
    .replace(/\[(\d{1,2})\]/g, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^\s*(#{1,6}|>|[-*+]|\d+\.)\s+/gm, "")
    .replace(/[*_`~]+/g, "")
    .replace(/\s+/g, " ")
    .trim();
}
