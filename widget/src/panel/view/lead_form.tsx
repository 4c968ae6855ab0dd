// The lead form, from the agent's fields. What is wrong stands beside its field, and the first of it gets the focus.

import type { VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Failure } from "../../core/api";
import type { Chat } from "../chat";
import { bodyOf, type Field, fieldsOf, prefilled, type Problems, problemsOf, refused, type Values } from "../lead";
import { explain } from "../words";

export function LeadForm({ chat }: { chat: Chat }): VNode {
  const { strings, widget } = chat;
  const form = useRef<HTMLFormElement>(null);
  const fields = fieldsOf(widget.current.agent, strings);
  const [values, setValues] = useState<Values>(() => prefilled(fields, widget.person));
  const [problems, setProblems] = useState<Problems>({});
  const [trouble, setTrouble] = useState("");
  const [isSending, setSending] = useState(false);
  const isGate = chat.isGated;
  // Only when problems come up, not while they are being mended.
  const [shows, setShows] = useState(0);
  useLayoutEffect(() => {
    if (shows > 0) form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [shows]);

  const show = (found: Problems) => {
    setProblems(found);
    setTrouble(Object.keys(found).length > 0 ? strings.markedFields : "");
    setShows(shows + 1);
  };
  const submit = async () => {
    const found = problemsOf(fields, values, strings);
    if (isSending || Object.keys(found).length > 0) return show(found);
    setSending(true);
    try {
      await chat.submitLead(bodyOf(fields, values));
    } catch (failure) {
      const wrong = Failure.is(failure) ? refused(fields, failure.fields, strings) : {};
      show(wrong);
      if (Object.keys(wrong).length === 0) setTrouble(explain(failure, strings));
      setSending(false);
    }
  };
  return (
    <form
      class="lead"
      noValidate
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <div class="fields">
        <h3>{isGate ? strings.leadGateTitle : strings.leadTitle}</h3>
        <p class="aside">{widget.leadMessage || strings.leadText}</p>
        {fields.map((field) => (
          <Input
            key={field.name}
            field={field}
            value={values[field.name] ?? ""}
            problem={problems[field.name]}
            words={{ required: strings.required, choose: strings.choose }}
            change={(value) => {
              setValues({ ...values, [field.name]: value });
              const { [field.name]: _, ...others } = problems;
              setProblems(others);
            }}
          />
        ))}
      </div>
      <p class="trouble" role="alert">
        {trouble}
      </p>
      <div class="buttons">
        {!isGate && (
          <button type="button" class="plain" onClick={() => chat.show("chat")}>
            {strings.cancel}
          </button>
        )}
        <button type="submit" class="filled" aria-disabled={isSending}>
          {isGate ? strings.startChat : strings.submit}
        </button>
      </div>
    </form>
  );
}

interface InputProps {
  field: Field;
  value: string | boolean;
  problem: string | undefined;
  words: { required: string; choose: string };
  change(value: string | boolean): void;
}

function Input({ field, value, problem, words, change }: InputProps): VNode {
  const { name, label, kind, isRequired, options, autocomplete } = field;
  const id = `lead-${name}`;
  const common = {
    id,
    name,
    required: isRequired,
    "aria-invalid": problem !== undefined,
    ...(problem && { "aria-describedby": `${id}-problem` }),
  };
  const caption = (
    <span class="caption">
      {label} {isRequired && kind !== "checkbox" && <span class="aside">({words.required})</span>}
    </span>
  );
  const text = String(value);
  return (
    <div class={kind === "checkbox" ? "field tick" : "field"}>
      <label for={id}>
        {kind === "checkbox" && <input {...common} type="checkbox" checked={value === true} onChange={(event) => change(event.currentTarget.checked)} />}
        {caption}
      </label>
      {kind === "select" && (
        <select {...common} value={text} onChange={(event) => change(event.currentTarget.value)}>
          <option value="">{words.choose}</option>
          {options.map((option) => (
            <option key={option} value={option}>
              {option}
            </option>
          ))}
        </select>
      )}
      {kind !== "select" && kind !== "checkbox" && (
        <input
          {...common}
          // Not `number`: browsers empty such a field when what is typed is none.
          type={(kind === "number" ? "text" : kind) as "text"}
          {...(kind === "number" && { inputMode: "decimal" as const })}
          autocomplete={autocomplete as AutoFill}
          value={text}
          onInput={(event) => change(event.currentTarget.value)}
        />
      )}
      {problem && (
        <p class="problem" id={`${id}-problem`}>
          {problem}
        </p>
      )}
    </div>
  );
}
