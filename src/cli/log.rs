//! How log lines look: one line each, in which nothing that was sent to us can begin another.
//!
//! Every line carries the id of the unit of work that it comes of (see [`crate::work`]).

use super::exit::Failure;
use crate::clock::Clock;
use crate::config::{Config, LogFormat};
use crate::work::{self, Kind};
use serde_json::{Map, Value};
use std::fmt::{self, Debug};
use std::sync::OnceLock;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Longer values are cut.
const LONGEST: usize = 2000;

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Switches logging on, as the settings say; for the process, once.
pub fn start(config: &Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log).map_err(Failure::refused)?;
    let lines = Lines { format: config.log_format, clock: Clock::system() };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .event_format(lines)
        .try_init()
        .map_err(Failure::refused)?;
    let _ = FORMAT.set(config.log_format);
    std::panic::set_hook(Box::new(|panic| {
        // Without the message, which may quote a value.
        let at = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        tracing::error!(at, thread, "a fault in the program: it panicked");
    }));
    Ok(())
}

/// Says why the program ends, whatever the filter is: a line of the log where that is read by machines.
pub fn last_words(text: &str) {
    match FORMAT.get() {
        Some(LogFormat::Json) => {
            let mut line = head(&Clock::system(), "ERROR", "credenza");
            line.insert("message".to_owned(), text.into());
            eprintln!("{}", one_line(&Value::Object(line).to_string()));
        }
        _ => eprintln!("credenza: {text}"),
    }
}

struct Lines {
    format: LogFormat,
    clock: Clock,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let about = event.metadata();
        let target = fields.target.as_deref().unwrap_or_else(|| about.target());
        let mut line = head(&self.clock, about.level().as_str(), target);
        line.insert("message".to_owned(), fields.message.into());
        match self.format {
            LogFormat::Json => {
                // What is ours to say comes first and is not overwritten by a field of the same name.
                fields.rest.into_iter().for_each(|(name, value)| {
                    line.entry(name).or_insert(value);
                });
                writeln!(writer, "{}", one_line(&Value::Object(line).to_string()))
            }
            LogFormat::Text => writeln!(writer, "{}", one_line(&text(&line, &fields.rest))),
        }
    }
}

/// When, how bad, where, and of which unit of work.
fn head(clock: &Clock, level: &str, target: &str) -> Map<String, Value> {
    let mut line = Map::new();
    let mut add = |name: &str, value: String| {
        line.insert(name.to_owned(), value.into());
    };
    add("timestamp", clock.now().rfc3339());
    add("level", level.to_owned());
    add("target", target.to_owned());
    if let Some(work) = work::current() {
        match work.kind() {
            Kind::Request => add("request", work.to_string()),
            Kind::Job(name) => {
                add("job", name.to_owned());
                add("run", work.to_string());
            }
            Kind::Command => add("run", work.to_string()),
        }
    }
    line
}

fn text(head: &Map<String, Value>, fields: &[(String, Value)]) -> String {
    let word = |name: &str| head.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut line = format!("{} {:>5} {}: {}", word("timestamp"), word("level"), word("target"), word("message"));
    let work = ["request", "job", "run"].into_iter().filter_map(|name| head.get_key_value(name));
    for (name, value) in work.chain(fields.iter().map(|(name, value)| (name, value))) {
        // Quoted unless it is a plain word or number.
        let plain = value.as_str().filter(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()));
        match plain.filter(|text| !text.contains(['"', '='])) {
            Some(word) => line.extend([" ", name, "=", word]),
            None => line.extend([" ", name, "=", &value.to_string()]),
        }
    }
    line
}

/// Escapes whatever a reader of lines, or a terminal, could take for the end of one or for a command.
fn one_line(text: &str) -> String {
    let moves = |c: char| {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(moves) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match moves(c) {
            true => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => line.push(c),
        }
    }
    line
}

#[derive(Default)]
struct Fields {
    message: String,
    /// Of lines that came through the `log` facade.
    target: Option<String>,
    rest: Vec<(String, Value)>,
}

impl Fields {
    fn keep(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("log.target", Value::String(text)) => self.target = Some(text),
            ("log.module_path" | "log.file" | "log.line", _) => {}
            (name, value) => self.rest.push((name.to_owned(), value)),
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.keep(field, cut(&format!("{value:?}")).into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, cut(value).into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, LONGEST, Lines, LogFormat};
    use crate::work::Work;
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn logged(format: LogFormat, f: impl FnOnce()) -> String {
        let kept = Kept::default();
        let lines = Lines { format, clock: Clock::system() };
        let subscriber = tracing_subscriber::fmt().with_writer(kept.clone()).event_format(lines).finish();
        tracing::subscriber::with_default(subscriber, f);
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    const NASTY: &str = "a\nb\r\u{1b}[2J\u{2028}c\u{202e}\"d=\\\u{0}\u{9b}";

    #[test]
    fn t082_whatever_was_sent_stays_on_one_line() {
        let long = "x".repeat(1 << 20);
        for format in [LogFormat::Text, LogFormat::Json] {
            let all = logged(format, || {
                tracing::info!(agent = NASTY, shown = %NASTY, debug = ?NASTY, long = long.as_str(), "{NASTY}");
            });
            assert_eq!(all.matches('\n').count(), 1);
            let line = all.strip_suffix('\n').unwrap();
            assert!(!line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}')), "{line}");
            assert!(line.len() < LONGEST + 1000 && line.contains("x…"));
        }
    }

    #[test]
    fn a_line_for_machines_is_one_flat_object() {
        let work = Work::request();
        let line = logged(LogFormat::Json, || {
            work.enter(|| tracing::warn!(n = 3, ratio = 0.5, yes = true, level = "mine", agent = NASTY, "said"));
        });
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["level"], "WARN", "a field does not overwrite what is ours to say");
        assert_eq!((&line["message"], &line["n"], &line["yes"]), (&"said".into(), &3.into(), &true.into()));
        assert_eq!(line["request"], work.to_string());
        assert_eq!(line["target"], "credenza::cli::log::tests");
        assert_eq!(line["agent"], NASTY, "nothing of it is lost");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_line_for_people_names_the_work() {
        let work = Work::job("ageing");
        let line =
            logged(LogFormat::Text, || work.enter(|| tracing::info!(count = 2, path = "/a b", name = "x", "done")));
        let tail =
            format!(" INFO credenza::cli::log::tests: done job=ageing run={work} count=2 path=\"/a b\" name=x\n");
        assert!(line.ends_with(&tail), "{line}");
    }
}
