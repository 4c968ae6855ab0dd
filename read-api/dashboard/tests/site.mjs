// What visitors of the demo site do, over the widget's API: there is something for the team to see.

const AGENT = "01KDEM0AGENT00000000000001";
const RULE = "01KDEM0RVE0000000000000002";

export class Visitor {
  #headers;

  /** A visitor who has the widget before them on a page of the site. */
  static async arrive({ api, demo, path = "/pricing", agent = AGENT }) {
    const visitor = new Visitor();
    visitor.api = `${api}/api/v1/widget`;
    visitor.#headers = { origin: demo, "content-type": "application/json" };
    const { data } = await visitor.#json("/init", { agent_id: agent, page_url: demo + path });
    visitor.conversation = data.conversation_id;
    visitor.#headers.authorization = `Bearer ${data.jwt}`;
    return visitor;
  }

  /** Asks, and waits for the answer's end. */
  async ask(message) {
    await (await this.#call("/messages/stream", { message })).text();
  }

  askForAPerson = () => this.#call("/conversation/request-human", {});
  leave = (lead) => this.#call("/leads", lead);
  askToBeForgotten = () => this.#call("/me", undefined, "DELETE");
  click = (label) => this.#call("/events", { event: "cta.click", rule_id: RULE, metadata: { label } });
  open = () => this.#call("/events", { event: "widget.open" });

  async #json(path, body) {
    return (await this.#call(path, body)).json();
  }

  async #call(path, body, method = "POST") {
    const answer = await fetch(this.api + path, { method, headers: this.#headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }
}
