//! Series as text.

use std::fmt::{self, Write};
use std::sync::atomic::Ordering;

use super::{BUCKETS_MICROS, Cells, MetricName, MetricType, Series};

/// The text of series that are sorted by name and label value.
pub(super) fn text(all: &[((MetricName, String), Series)]) -> String {
    let mut out = String::new();
    for name in MetricName::ALL {
        let mut of_name = all
            .iter()
            .filter(|((other, _), _)| *other == name)
            .peekable();
        if of_name.peek().is_none() {
            continue;
        }
        let mut written = head(&mut out, name);
        for ((_, value), series) in of_name {
            written = written.and_then(|()| write_series(&mut out, name, value, series));
        }
        debug_assert!(written.is_ok(), "a String takes anything");
    }
    out
}

fn head(out: &mut String, name: MetricName) -> fmt::Result {
    let word = match name.metric_type() {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram => "histogram",
    };
    let (text, help) = (name.as_str(), name.help());
    writeln!(out, "# HELP {text} {help}\n# TYPE {text} {word}")
}

fn write_series(out: &mut String, name: MetricName, value: &str, series: &Series) -> fmt::Result {
    let label = name
        .label()
        .map(|label| format!("{label}=\"{}\"", escaped(value)));
    let braces = label
        .as_ref()
        .map_or_else(String::new, |label| format!("{{{label}}}"));
    match series {
        Series::Counter(counter) => writeln!(out, "{}{braces} {}", name.as_str(), counter.get()),
        Series::Gauge(gauge) => writeln!(out, "{}{braces} {}", name.as_str(), gauge.get()),
        Series::Histogram(histogram) => {
            let prefix = label.map_or_else(String::new, |label| format!("{label},"));
            write_histogram(out, name.as_str(), &histogram.0, &(prefix, braces))
        }
    }
}

fn write_histogram(
    out: &mut String,
    name: &str,
    cells: &Cells,
    (prefix, braces): &(String, String),
) -> fmt::Result {
    let mut so_far = 0;
    for (bucket, cell) in cells.buckets.iter().enumerate() {
        so_far += cell.load(Ordering::Relaxed);
        let bound = BUCKETS_MICROS
            .get(bucket)
            .map_or_else(|| "+Inf".to_owned(), |micros| seconds(*micros));
        writeln!(out, "{name}_bucket{{{prefix}le=\"{bound}\"}} {so_far}")?;
    }
    let sum = seconds(cells.sum_micros.load(Ordering::Relaxed));
    writeln!(
        out,
        "{name}_sum{braces} {sum}\n{name}_count{braces} {so_far}"
    )
}

/// Microseconds as seconds, without the detour through a floating point number.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;

    #[test]
    fn the_text_is_what_a_scraper_reads() {
        let metrics = Metrics::new();
        metrics.counter(MetricName::HttpRequests, "5xx").increment();
        metrics.counter(MetricName::HttpRequests, "2xx").add(7);
        metrics.gauge(MetricName::OdbRevision, "").set(42);
        metrics.gauge(MetricName::PythonWorkers, "a\"b\\").set(-1);
        let expected = "\
# HELP busker_http_requests_total Answers of channels by class of the status.
# TYPE busker_http_requests_total counter
busker_http_requests_total{class=\"2xx\"} 7
busker_http_requests_total{class=\"5xx\"} 1
# HELP busker_python_workers Python worker processes.
# TYPE busker_python_workers gauge
busker_python_workers{pool=\"a\\\"b\\\\\"} -1
# HELP busker_odb_revision Revision of the configuration this node runs.
# TYPE busker_odb_revision gauge
busker_odb_revision 42
";
        assert_eq!(metrics.render(), expected);
    }

    #[test]
    fn buckets_are_cumulative_and_a_bound_belongs_to_its_bucket() {
        let metrics = Metrics::new();
        let histogram = metrics.histogram(MetricName::HttpDuration, "");
        for micros in [500, 501, 20_000_000] {
            histogram.observe_micros(micros);
        }
        let text = metrics.render();
        let name = MetricName::HttpDuration.as_str();
        for line in [
            "_bucket{le=\"0.0005\"} 1",
            "_bucket{le=\"0.001\"} 2",
            "_bucket{le=\"10\"} 2",
            "_bucket{le=\"+Inf\"} 3",
            "_sum 20.001001",
            "_count 3",
        ] {
            assert!(text.contains(&format!("{name}{line}\n")), "{line}\n{text}");
        }
    }
}
