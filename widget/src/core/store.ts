// What the browser remembers, per agent. A browser may refuse; then nothing is remembered and nothing breaks.

export class Store {
  constructor(
    private readonly area: "localStorage" | "sessionStorage",
    private readonly prefix: string,
  ) {}

  get(key: string): string | null {
    try {
      return window[this.area].getItem(this.prefix + key);
    } catch {
      return null;
    }
  }

  set(key: string, value: string): void {
    try {
      window[this.area].setItem(this.prefix + key, value);
    } catch {
      // A full or forbidden storage costs memory, not the chat.
    }
  }

  remove(key: string): void {
    try {
      window[this.area].removeItem(this.prefix + key);
    } catch {
      // Nothing was remembered.
    }
  }

  // Forgets everything of this agent.
  clear(): void {
    try {
      const keys = Object.keys(window[this.area]).filter((key) => key.startsWith(this.prefix));
      keys.forEach((key) => window[this.area].removeItem(key));
    } catch {
      // Nothing was remembered.
    }
  }

  json<T>(key: string): T | null {
    try {
      return JSON.parse(this.get(key) ?? "null") as T | null;
    } catch {
      return null;
    }
  }
}
