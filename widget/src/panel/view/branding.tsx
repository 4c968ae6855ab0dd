// The line beneath the chat, as the agent's branding says.

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Branding as Brand } from "../../core/types";
import { vetted } from "../vetted";

export function Branding({ branding }: { branding: Brand }): VNode | null {
  const [isBroken, setBroken] = useState(false);
  const { show, label = "", url = "", logo_url: logoUrl = "", display_mode: mode = "logo_and_label" } = branding;
  const logo = mode !== "label_only" && logoUrl && !isBroken ? vetted(logoUrl) : null;
  const words = mode !== "logo_only" || !logo ? label : "";
  const address = url ? vetted(url) : null;
  if (!show || (!logo && !words)) return null;
  const content = (
    <>
      {logo && <img src={logo} alt={words ? "" : label} onError={() => setBroken(true)} />}
      {words}
    </>
  );
  return (
    <p class="branding">
      {address ? (
        <a href={address} target="_blank" rel="noopener">
          {content}
        </a>
      ) : (
        <span>{content}</span>
      )}
    </p>
  );
}
