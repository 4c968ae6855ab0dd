//! What is said without looking anything up: greetings, thanks, and that the site does not say.

use events::agent::AgentDefinition;

use super::curated::normalise;

/// One language's phrases.
struct Phrases {
    language: &'static str,
    greetings: &'static [&'static str],
    thanks: &'static [&'static str],
    hello: &'static str,
    welcome: &'static str,
    unknown: &'static str,
}

/// The first is for every language that is not here.
const LANGUAGES: [Phrases; 4] = [
    Phrases {
        language: "en",
        greetings: &[
            "hi",
            "hello",
            "hey",
            "hi there",
            "hello there",
            "good morning",
            "good afternoon",
            "good evening",
        ],
        thanks: &[
            "thanks",
            "thank you",
            "thanks a lot",
            "thank you very much",
            "great thanks",
            "ok thanks",
            "perfect thanks",
        ],
        hello: "Hello, I am {name}. What would you like to know?",
        welcome: "You are welcome. Is there anything else you would like to know?",
        unknown: "I could not find an answer to that on this site. You can put the question in other words, or ask for a person from the team.",
    },
    Phrases {
        language: "de",
        greetings: &[
            "hallo",
            "guten tag",
            "guten morgen",
            "guten abend",
            "moin",
            "servus",
            "grüß gott",
        ],
        thanks: &["danke", "vielen dank", "danke schön", "dankeschön", "besten dank"],
        hello: "Hallo, ich bin {name}. Was möchten Sie wissen?",
        welcome: "Gern geschehen. Möchten Sie sonst noch etwas wissen?",
        unknown: "Dazu habe ich auf dieser Website nichts gefunden. Sie können die Frage anders stellen oder jemanden aus dem Team verlangen.",
    },
    Phrases {
        language: "fr",
        greetings: &["bonjour", "salut", "bonsoir", "coucou"],
        thanks: &["merci", "merci beaucoup", "merci bien"],
        hello: "Bonjour, je suis {name}. Que souhaitez-vous savoir ?",
        welcome: "Je vous en prie. Souhaitez-vous savoir autre chose ?",
        unknown: "Je n'ai pas trouvé de réponse à cette question sur ce site. Vous pouvez la formuler autrement ou demander à parler à quelqu'un de l'équipe.",
    },
    Phrases {
        language: "es",
        greetings: &["hola", "buenos días", "buenas tardes", "buenas noches", "buenas"],
        thanks: &["gracias", "muchas gracias", "mil gracias"],
        hello: "Hola, soy {name}. ¿Qué le gustaría saber?",
        welcome: "De nada. ¿Le gustaría saber algo más?",
        unknown: "No he encontrado una respuesta a esa pregunta en este sitio. Puede formularla de otra manera o pedir hablar con alguien del equipo.",
    },
];

/// The reply to a message that only greets or thanks, in the language that it was said in.
pub(super) fn small_talk(message: &str, agent: &AgentDefinition) -> Option<String> {
    let said = normalise(message);
    let said = said.as_str();
    LANGUAGES.iter().find_map(|phrases| {
        if phrases.greetings.contains(&said) {
            let name = if agent.persona.name.is_empty() {
                &agent.name
            } else {
                &agent.persona.name
            };
            Some(phrases.hello.replace("{name}", name))
        } else if phrases.thanks.contains(&said) {
            Some(phrases.welcome.to_owned())
        } else {
            None
        }
    })
}

/// That the site does not say, in the agent's language.
pub(super) fn unknown(language: &str) -> &'static str {
    let primary = language.split(['-', '_']).next().unwrap_or_default();
    let [english, ..] = &LANGUAGES;
    LANGUAGES
        .iter()
        .find(|phrases| phrases.language.eq_ignore_ascii_case(primary))
        .unwrap_or(english)
        .unknown
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
