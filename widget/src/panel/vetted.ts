// Addresses that a link or a picture may have, whoever wrote them.

const SCHEMES = ["http:", "https:", "mailto:"];

export function vetted(href: string): string | null {
  if (!URL.canParse(href, document.baseURI)) return null;
  const url = new URL(href, document.baseURI);
  return SCHEMES.includes(url.protocol) ? url.href : null;
}
