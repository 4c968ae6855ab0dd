import { render } from "preact";

import { App } from "./app";
import "./style/base.css";
import "./style/controls.css";
import "./style/states.css";
import "./style/frame.css";
import "./style/conversations.css";
import "./style/views.css";
import "./style/insights.css";

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
