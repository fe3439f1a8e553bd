//! The table of `zato info`: two columns of 30 characters, texts wrapped.

/// Width of a column.
const WIDTH: usize = 30;

/// Draws keys and values.
pub(super) fn draw(rows: &[(String, String)]) -> String {
    let rule = format!("+{0}+{0}+", "-".repeat(WIDTH + 2));
    let head_rule = format!("+{0}+{0}+", "=".repeat(WIDTH + 2));
    let mut lines = vec![rule.clone()];
    lines.push(format!("| {:^WIDTH$} | {:^WIDTH$} |", "Key", "Value"));
    lines.push(head_rule);
    for (key, value) in rows {
        let (keys, values) = (wrap(key), wrap(value));
        for index in 0..keys.len().max(values.len()) {
            let part = |parts: &[String]| parts.get(index).cloned().unwrap_or_default();
            lines.push(format!(
                "| {:<WIDTH$} | {:<WIDTH$} |",
                part(&keys),
                part(&values)
            ));
        }
        lines.push(rule.clone());
    }
    lines.join("\n")
}

/// Lines of at most [`WIDTH`] characters, broken at spaces, and inside a word only when it is longer than a line.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        if length > 0 && length + 1 + word.len() > WIDTH {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        while word.len() > WIDTH {
            lines.push(word.drain(..WIDTH).collect());
        }
        length += word.len();
        line.extend(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines break at spaces where Python's `textwrap`, which drew Zato's table, breaks them, but not at hyphens.
    #[test]
    fn the_table_is_drawn_as_zato_drew_it() {
        let rows = [
            (
                "component_details",
                r#"{"created_user_host": "dev1@box1", "version": "1.1", "component": "LOAD_BALANCER", "created_ts": "2013-06-19T14:55:42.027946"}"#,
            ),
            ("component_running", "True"),
            (
                "master_proc_create_time_utc",
                "2013-06-20T11:04:15.440000+00:00",
            ),
            ("master_proc_workers_pids", "[]"),
        ];
        let rows = rows.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let expected = "\
+--------------------------------+--------------------------------+
|              Key               |             Value              |
+================================+================================+
| component_details              | {\"created_user_host\":          |
|                                | \"dev1@box1\", \"version\": \"1.1\", |
|                                | \"component\": \"LOAD_BALANCER\",  |
|                                | \"created_ts\":                  |
|                                | \"2013-06-19T14:55:42.027946\"}  |
+--------------------------------+--------------------------------+
| component_running              | True                           |
+--------------------------------+--------------------------------+
| master_proc_create_time_utc    | 2013-06-20T11:04:15.440000+00: |
|                                | 00                             |
+--------------------------------+--------------------------------+
| master_proc_workers_pids       | []                             |
+--------------------------------+--------------------------------+";
        assert_eq!(draw(&rows), expected);
    }
}
