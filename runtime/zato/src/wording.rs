//! Faults in the words of those who read them: Zato's clients know fields by Zato's names.

use busker_model::Fault;
use busker_model::object::Violation;
use busker_model::sio::input::MISSING;

/// Settings of ours that have another name in Zato.
const NAMES: [(&str, &str); 5] = [
    ("address", "host"),
    ("cron", "cron_definition"),
    ("payload", "extra"),
    ("security", "security_id"),
    ("new_name", "name"),
];

/// A fault about fields, with each field by its name in Zato.
#[must_use]
pub fn in_zatos_words(mut fault: Fault) -> Fault {
    let violations = fault.detail.as_ref().map(|detail| &detail.violations);
    if let Some(violations) = violations.filter(|violations| !violations.is_empty()) {
        let text: Vec<String> = violations.iter().map(worded).collect();
        fault.message = text.join("; ").into();
    }
    fault
}

fn worded(violation: &Violation) -> String {
    let field = violation.field.as_str();
    let name = field.strip_prefix("settings.").unwrap_or(field);
    let name = NAMES
        .into_iter()
        .find(|(ours, _)| *ours == name && field != name)
        .map_or(name, |(_, zatos)| zatos);
    let message = violation.message.as_str();
    if message == MISSING {
        format!("Required parameter [{name}] missing - value is [None]")
    } else if message.starts_with("expected ") {
        format!("Conversion error, param:[{name}]: {message}")
    } else {
        format!("{name}: {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_called_what_zato_calls_them() {
        let of = |field: &str, message: &str| {
            let fault = Fault::violations(vec![Violation::new(field, message)]);
            in_zatos_words(fault).message.to_string()
        };
        assert_eq!(
            of("cluster_id", MISSING),
            "Required parameter [cluster_id] missing - value is [None]"
        );
        assert_eq!(
            of("id", "expected an integer, got \"x\""),
            "Conversion error, param:[id]: expected an integer, got \"x\""
        );
        assert_eq!(of("settings.address", "is empty"), "host: is empty");
        assert_eq!(of("settings.url_path", "is taken"), "url_path: is taken");
        assert_eq!(of("payload", "is not Base64"), "payload: is not Base64");
        let other = Fault::not_found("there is no such thing");
        assert_eq!(in_zatos_words(other.clone()), other);
    }
}
