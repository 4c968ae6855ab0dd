// The build turns style sheets into texts, and puts the names of its own files in (build.mjs).
declare module "*.css" {
  const sheet: string;
  export default sheet;
}
declare const __PANEL__: string;
declare const __LANGUAGES__: Record<string, string>;
