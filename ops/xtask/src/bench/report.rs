//! The figures as a page: ratios first, because they are what can be compared.

use super::wrk::Case;

/// Medians of one contender in one case.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) contender: &'static str,
    pub(super) case: Case,
    pub(super) figures: Figures,
}

/// Of one round, or medians of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// CPU time of the server's process tree for each request, wrk not counted.
    pub(super) cpu_us: f64,
    pub(super) memory_mib: f64,
}

impl Figures {
    /// The median of each figure by itself.
    pub(super) fn medians(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            per_second: of(|round| round.per_second),
            p50_ms: of(|round| round.p50_ms),
            p99_ms: of(|round| round.p99_ms),
            cpu_us: of(|round| round.cpu_us),
            memory_mib: of(|round| round.memory_mib),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The whole page. `rows` of one case stand together, the first of each is what the others are measured by.
pub(super) fn page(rows: &[Row], cases: &[Case], about: &str) -> String {
    let mut page = String::from("# A synchronous JSON call, side by side\n\n");
    for case in cases {
        let of_case: Vec<&Row> = rows.iter().filter(|row| row.case == *case).collect();
        ratios(&mut page, *case, &of_case);
    }
    for case in cases {
        let of_case: Vec<&Row> = rows.iter().filter(|row| row.case == *case).collect();
        figures(&mut page, *case, &of_case);
    }
    line(&mut page, format_args!("{about}"));
    page
}

/// Each Busker against everybody else: more than 1 is better, in both columns.
fn ratios(page: &mut String, case: Case, rows: &[&Row]) {
    line(page, format_args!("## Ratios: {}\n", case.title()));
    line(
        page,
        format_args!("| | against | req/s | requests per CPU second |\n|---|---|---|---|"),
    );
    for busker in rows.iter().filter(|row| is_busker(row)) {
        for peer in rows.iter().filter(|row| !is_busker(row)) {
            let rate = busker.figures.per_second / peer.figures.per_second;
            let cpu = peer.figures.cpu_us / busker.figures.cpu_us;
            let (own, other) = (busker.contender, peer.contender);
            line(
                page,
                format_args!("| {own} | {other} | {rate:.2} | {cpu:.2} |"),
            );
        }
    }
    page.push('\n');
}

fn figures(page: &mut String, case: Case, rows: &[&Row]) {
    line(page, format_args!("## Figures: {}\n", case.title()));
    line(
        page,
        format_args!(
            "| | req/s | p50 ms | p99 ms | CPU µs/request | memory MiB |\n|---|---|---|---|---|---|"
        ),
    );
    for row in rows {
        let Figures {
            per_second,
            p50_ms,
            p99_ms,
            cpu_us,
            memory_mib,
        } = row.figures;
        let name = row.contender;
        line(
            page,
            format_args!(
                "| {name} | {per_second:.0} | {p50_ms:.2} | {p99_ms:.2} | {cpu_us:.1} | {memory_mib:.0} |"
            ),
        );
    }
    page.push('\n');
}

fn is_busker(row: &Row) -> bool {
    row.contender.starts_with("busker")
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.push_str(&text.to_string());
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{Case, Figures, Row, page};

    fn figures(per_second: f64, cpu_us: f64) -> Figures {
        Figures {
            per_second,
            p50_ms: 0.5,
            p99_ms: 1.0,
            cpu_us,
            memory_mib: 10.0,
        }
    }

    #[test]
    fn medians_are_taken_figure_by_figure() {
        let rounds = [figures(1.0, 30.0), figures(3.0, 10.0), figures(2.0, 20.0)];
        assert_eq!(Figures::medians(&rounds), figures(2.0, 20.0));
    }

    #[test]
    fn ratios_come_first_and_more_is_better() {
        let case = Case {
            connections: 16,
            text_bytes: 100,
        };
        let row = |contender, figures| Row {
            contender,
            case,
            figures,
        };
        let rows = [
            row("bare", figures(100.0, 10.0)),
            row("busker, Python", figures(25.0, 40.0)),
        ];
        let page = page(&rows, &[case], "rounds");
        assert!(
            page.contains("| busker, Python | bare | 0.25 | 0.25 |"),
            "{page}"
        );
        assert!(page.find("## Ratios").unwrap() < page.find("## Figures").unwrap());
        assert!(
            page.contains("| bare | 100 | 0.50 | 1.00 | 10.0 | 10 |"),
            "{page}"
        );
    }
}
