//! What is said without looking anything up: small talk, and that the site does not say.

use events::agent::{AgentDefinition, normalise};

use super::languages::{LANGUAGES, Phrases};

impl Phrases {
    /// The reply to `said`, if that is small talk in this language.
    fn reply(&self, said: &str) -> Option<&'static str> {
        let replies = [
            (self.greetings, self.hello),
            (self.farewells, self.goodbye),
            (self.who, self.me),
        ];
        let exact = replies.into_iter().find(|(phrases, _)| phrases.contains(&said));
        exact
            .map(|(_, reply)| reply)
            .or_else(|| self.is_thanks(said).then_some(self.welcome))
    }

    fn is_thanks(&self, said: &str) -> bool {
        let is_one = |word: &str| self.thanks.contains(&word);
        said.split(' ').any(is_one)
            && said
                .split(' ')
                .all(|word| is_one(word) || self.beside_thanks.contains(&word))
    }
}

/// The reply to a message that only greets, thanks, takes leave or asks who answers: in the agent's language if it is said in
/// that, else in the one that it was said in.
pub(super) fn small_talk(message: &str, agent: &AgentDefinition) -> Option<String> {
    let reply = first(message, agent, Phrases::reply)?;
    let name = if agent.persona.name.is_empty() {
        &agent.name
    } else {
        &agent.persona.name
    };
    Some(reply.replace("{name}", name))
}

/// The reply to a message that only nods ("ok", "yes"), for who does not know what was said before, as a model does.
pub(super) fn nod(message: &str, agent: &AgentDefinition) -> Option<&'static str> {
    first(message, agent, |phrases, said| {
        phrases.nods.contains(&said).then_some(phrases.go_on)
    })
}

/// What the first language replies that knows `message`; the agent's own is asked before the others.
fn first(
    message: &str,
    agent: &AgentDefinition,
    reply: impl Fn(&Phrases, &str) -> Option<&'static str>,
) -> Option<&'static str> {
    let said = normalise(message);
    let own = std::iter::once(of(&agent.language_default));
    own.chain(&LANGUAGES).find_map(|phrases| reply(phrases, &said))
}

/// That the site does not say, in the agent's language.
pub(super) fn unknown(language: &str) -> &'static str {
    of(language).unknown
}

fn of(language: &str) -> &'static Phrases {
    let primary = language.split(['-', '_']).next().unwrap_or_default();
    let [english, ..] = &LANGUAGES;
    LANGUAGES
        .iter()
        .find(|phrases| phrases.language.eq_ignore_ascii_case(primary))
        .unwrap_or(english)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_greeting_is_answered_in_its_language_by_name() {
        let agent = agent();
        assert_eq!(
            small_talk("Hello!", &agent).as_deref(),
            Some("Hello, I am Aria. What would you like to know?")
        );
        assert_eq!(
            small_talk("Grüß Gott", &agent).as_deref(),
            Some("Hallo, ich bin Aria. Was möchten Sie wissen?")
        );
        assert_eq!(
            small_talk("Hello, what does it cost?", &agent),
            None,
            "that is a question"
        );
    }

    #[test]
    fn thanks_are_heard_in_many_words_and_a_question_is_none() {
        let agent = agent();
        let reply = |message| small_talk(message, &agent);
        let welcome = Some(LANGUAGES[0].welcome.to_owned());
        assert_eq!(reply("ok great, thank you so much for the help!"), welcome);
        assert_eq!(reply("No thanks"), welcome);
        assert_eq!(
            reply("Vielen Dank für Ihre Hilfe."),
            Some(LANGUAGES[1].welcome.to_owned())
        );
        assert_eq!(reply("Thanks, what does it cost?"), None);
        assert_eq!(reply("Do you sell thank you cards"), None);
    }

    #[test]
    fn who_takes_leave_nods_or_asks_who_answers_is_answered() {
        let agent = agent();
        let reply = |message| small_talk(message, &agent).unwrap_or_default();
        assert_eq!(reply("Tschüss"), "Auf Wiedersehen!");
        assert_eq!(reply("yes"), "", "a model may have asked");
        assert_eq!(nod("Yes.", &agent), Some(LANGUAGES[0].go_on));
        assert!(reply("Are you a robot?").starts_with("I am Aria, a program"));
    }

    #[test]
    fn the_agents_language_says_what_is_unknown() {
        assert_eq!(unknown("de-AT"), LANGUAGES[1].unknown);
        assert_eq!(unknown("tlh"), LANGUAGES[0].unknown);
    }

    fn agent() -> AgentDefinition {
        let workspace_id = events::WorkspaceId::from_bits(1);
        serde_json::from_value(json!({ "workspace_id": workspace_id, "name": "Shop", "persona": { "name": "Aria" } }))
            .expect("a definition")
    }
}
