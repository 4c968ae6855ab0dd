// Conversations: the list, and beside it the one that is open. On a phone one of the two.

import { useLocation } from "../location";
import { Empty } from "../parts/states";
import { Conversation } from "./conversation";
import { ConversationList } from "./conversation_list";

export function Conversations() {
  const { path } = useLocation();
  const open = path.split("/")[2] || null;
  return (
    <div class={open ? "inbox has-open" : "inbox"}>
      <ConversationList open={open} />
      {open ? (
        <Conversation key={open} id={open} />
      ) : (
        <section class="conversation none" aria-label="Conversation">
          <Empty icon="chats" title="No conversation is open">
            Choose one from the list to read along, and take it over when the visitor needs a person.
          </Empty>
        </section>
      )}
    </div>
  );
}
