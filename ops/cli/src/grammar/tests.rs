use super::*;

const PAGE: &str = include_str!("../../../docs/cli.md");

/// The words of a line as a shell would split it, up to a redirection.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            letter => word.push(letter),
        }
    }
    words.push(word);
    let end = words.iter().position(|word| word == ">");
    words.truncate(end.unwrap_or(words.len()));
    words
}

/// Whether the words begin with the names of a path, in its order; folders may stand between them.
fn belongs(path: &str, words: &[String]) -> bool {
    let mut rest = words.iter();
    path.split(' ')
        .all(|part| rest.by_ref().take(2).any(|word| word == part))
}

#[test]
fn every_command_has_an_example_and_every_example_is_understood() {
    let leaves = leaves(&command(), "");
    assert!(leaves.len() > 60, "{leaves:?}");
    for (path, _) in &leaves {
        assert!(of(path).next().is_some(), "{path} has no example");
    }
    for (path, line) in EXAMPLES {
        assert!(leaves.iter().any(|(known, _)| known == path), "{path}");
        let words = words(line);
        assert!(belongs(path, &words), "{path}: {line}");
        let typed = std::iter::once("busker".to_owned()).chain(words);
        let read = parse(typed);
        assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
    }
}

#[test]
fn help_alone_leads_to_the_next_step() {
    let mut command = command();
    let root = command.render_help().to_string();
    for step in [
        "quickstart create DIR",
        "security DIR create",
        "channel DIR create",
    ] {
        assert!(root.contains(step), "{root}");
    }
    let channel = command.find_subcommand_mut("channel").unwrap();
    let create = channel.find_subcommand_mut("create").unwrap();
    let page = create.render_long_help().to_string();
    assert!(
        page.contains("Example:") && page.contains("security=partners"),
        "{page}"
    );
}

#[test]
fn every_shell_gets_a_script_and_there_is_a_page_for_each_command() {
    for shell in [
        Shell::Bash,
        Shell::Zsh,
        Shell::Fish,
        Shell::Elvish,
        Shell::PowerShell,
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command(), "busker", &mut script);
        let script = String::from_utf8(script).unwrap();
        for word in ["quickstart", "doctor", "rotate"] {
            assert!(script.contains(word), "{shell} {word}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    manual(Some(folder.path())).unwrap();
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("busker.1").contains("busker"));
    assert!(page("busker-channel-create.1").contains("security=partners"));
}

/// The list of the documentation, as it has to be.
fn list() -> String {
    let lines = leaves(&command(), "")
        .into_iter()
        .map(|(path, about)| format!("* `{path}`: {about}"));
    lines.collect::<Vec<String>>().join("\n")
}

fn between<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let (_, rest) = page.split_once(from).unwrap();
    rest.split_once(to).unwrap().0.trim()
}

#[test]
fn the_documentation_lists_the_commands_there_are() {
    let found = between(PAGE, "<!-- commands -->", "<!-- end of commands -->");
    let list = list();
    assert!(found == list, "ops/docs/cli.md should list:\n{list}");
    let codes = between(PAGE, "<!-- exit codes -->", "<!-- end of exit codes -->");
    let table = Exit::table();
    let codes = codes.trim_matches('`').trim_matches('\n');
    assert!(codes == table, "ops/docs/cli.md should say:\n{table}");
}

/// Commands of ours that the table names for one of Zato's: `code` in the second column.
#[test]
fn what_stands_for_a_command_of_zato_exists() {
    let table = between(PAGE, "<!-- zato -->", "<!-- end of zato -->");
    let known = leaves(&command(), "");
    let mut named = 0;
    for row in table.lines().skip(2) {
        let ours = row.split('|').nth(2).unwrap();
        for path in ours.split('`').skip(1).step_by(2) {
            let Some(path) = path.strip_prefix("busker ") else {
                continue;
            };
            named += 1;
            let words = words(path);
            let found = known.iter().any(|(path, _)| belongs(path, &words));
            assert!(found, "{row}");
        }
    }
    assert!(named > 20, "{named}");
    for theirs in [
        "ca create ca",
        "ca create lb_agent",
        "ca create server",
        "ca create web_admin",
        "check-config",
        "component-version",
        "info",
        "create cluster",
        "create odb",
        "delete odb",
        "create server",
        "create load_balancer",
        "create web_admin",
        "create user",
        "encrypt",
        "decrypt",
        "update password",
        "update crypto",
        "from-config",
        "quickstart create",
        "service invoke",
        "start",
        "stop",
        "--store-log",
        "--verbose",
        "--store-config",
        "--version",
    ] {
        let start = format!("| `zato {theirs}");
        assert!(table.lines().any(|row| row.starts_with(&start)), "{theirs}");
    }
}
