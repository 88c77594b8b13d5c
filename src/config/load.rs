//! From text and environment to a checked configuration.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use super::sections::Config;

/// Largest configuration file (bytes).
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Prefix of environment variables that override keys.
const ENVIRONMENT_PREFIX: &str = "RESETRAY__";
/// The section that may stand several times; its overrides name the first.
const REPEATED_SECTION: &str = "application_entity";

/// One problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Dotted key, empty where the text itself is not TOML.
    pub key: String,
    /// Line in the file, from 1, where known.
    pub line: Option<usize>,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// Why a configuration was not accepted.
#[derive(Debug)]
pub enum ConfigError {
    /// The file could not be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is larger than a configuration can be.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Its content is not acceptable.
    Invalid {
        /// The file; `None` for the defaults with overrides.
        path: Option<PathBuf>,
        /// All problems.
        problems: Vec<Problem>,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable { path, source } => {
                write!(formatter, "configuration {} cannot be read: {source}", path.display())
            }
            ConfigError::TooLarge { path } => {
                write!(formatter, "configuration {} is larger than {FILE_BYTES_MAX} bytes", path.display())
            }
            ConfigError::Invalid { path, problems } => {
                let place = path.as_ref().map_or("configuration".to_owned(), |path| path.display().to_string());
                for (index, problem) in problems.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "\n" };
                    let line = problem.line.map_or(String::new(), |line| format!(":{line}"));
                    let key = if problem.key.is_empty() { String::new() } else { format!(" {}:", problem.key) };
                    write!(formatter, "{separator}{place}{line}:{key} {}", problem.message)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConfigError::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Loads a file (or the defaults) and applies the overrides of the process environment.
pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    let text = match path {
        None => String::new(),
        Some(path) => {
            let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
            if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
                return Err(ConfigError::TooLarge { path: path.to_owned() });
            }
            std::fs::read_to_string(path).map_err(unreadable)?
        }
    };
    let overrides = std::env::vars().filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX));
    parse(&text, overrides).map_err(|problems| ConfigError::Invalid { path: path.map(Path::to_owned), problems })
}

/// Parses configuration text with overrides as pairs of variable name and value.
pub fn parse(text: &str, overrides: impl Iterator<Item = (String, String)>) -> Result<Config, Vec<Problem>> {
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| line_of(text, span.start));
        vec![Problem { key: String::new(), line, message: error.message().to_owned() }]
    })?;
    let mut problems = Vec::new();
    for (name, value) in overrides {
        if let Err(problem) = apply_override(&mut table, &name, &value) {
            problems.push(problem);
        }
    }
    let mut unknown = Vec::new();
    let deserializer = toml::Value::Table(table);
    let mut track = serde_path_to_error::Track::new();
    let parsed: Result<Config, toml::de::Error> =
        serde_ignored::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track), |path| {
            unknown.push(path.to_string())
        });
    problems.extend(unknown.iter().map(|key| unknown_key(text, key)));
    match parsed {
        Ok(config) => {
            problems.extend(config.problems().into_iter().map(|problem| {
                let line = find_key(text, &problem.key);
                Problem { line, ..problem }
            }));
            if problems.is_empty() { Ok(config) } else { Err(problems) }
        }
        Err(error) => {
            let key = track.path().to_string();
            problems.push(Problem { line: find_key(text, &key), key, message: error.message().to_owned() });
            Err(problems)
        }
    }
}

/// Sets `section.key` from `RESETRAY__SECTION__KEY`; the value is read as TOML, or as text where it is not.
fn apply_override(table: &mut toml::Table, name: &str, value: &str) -> Result<(), Problem> {
    let path: Vec<String> =
        name.trim_start_matches(ENVIRONMENT_PREFIX).split("__").map(str::to_ascii_lowercase).collect();
    let problem = |message: &str| Problem { key: name.to_owned(), line: None, message: message.to_owned() };
    let [section, key] = path.as_slice() else {
        return Err(problem("an override reads RESETRAY__SECTION__KEY"));
    };
    let parsed = format!("value = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let section = table.entry(section.clone()).or_insert_with(|| match section.as_str() {
        REPEATED_SECTION => toml::Value::Array(vec![toml::Value::Table(toml::Table::new())]),
        _ => toml::Value::Table(toml::Table::new()),
    });
    match section {
        toml::Value::Table(section) => {
            section.insert(key.clone(), parsed);
            Ok(())
        }
        toml::Value::Array(entries) => match entries.first_mut() {
            // The first application entity is the one that a container or unit file wants to name.
            Some(toml::Value::Table(first)) => {
                first.insert(key.clone(), parsed);
                Ok(())
            }
            _ => Err(problem("there is no entry to override")),
        },
        _ => Err(problem("is not a section")),
    }
}

fn unknown_key(text: &str, key: &str) -> Problem {
    let last = key.rsplit('.').next().unwrap_or(key);
    let suggestion = known_keys()
        .into_iter()
        .map(|known| (edit_distance(last, &known), known))
        .min()
        .filter(|(distance, known)| *distance <= 1 + known.len() / 3)
        .map_or(String::new(), |(_, known)| format!("; did you mean \"{known}\"?"));
    Problem { key: key.to_owned(), line: find_key(text, key), message: format!("unknown key{suggestion}") }
}

/// Every key and section name, from the defaults themselves.
fn known_keys() -> Vec<String> {
    fn collect(value: &toml::Value, keys: &mut Vec<String>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    keys.push(key.clone());
                    collect(value, keys);
                }
            }
            toml::Value::Array(entries) => entries.iter().for_each(|entry| collect(entry, keys)),
            _ => {}
        }
    }
    let mut keys = Vec::new();
    if let Ok(value) = toml::Value::try_from(Config::default()) {
        collect(&value, &mut keys);
    }
    keys
}

/// Levenshtein distance of two short words.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for j in 0..b.len() {
            let substitution = diagonal + usize::from(letter != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count()
}

/// First line that sets the last part of a dotted key after its section began.
fn find_key(text: &str, key: &str) -> Option<usize> {
    let mut parts = key.rsplit('.');
    let last = parts.next()?.split('[').next()?;
    let section = parts.next().map(|part| part.split('[').next().unwrap_or(part).to_owned());
    let mut inside = section.is_none();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            let name = line.trim_matches(['[', ']']);
            inside = section.as_deref().is_none_or(|section| section == name) || name == last;
            if name == last {
                return Some(index + 1);
            }
        } else if inside && line.split('=').next().is_some_and(|name| name.trim() == last) {
            return Some(index + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<Config, Vec<Problem>> {
        parse(text, std::iter::empty())
    }

    #[test]
    fn nothing_gives_the_defaults() {
        assert_eq!(parse_text("").unwrap(), Config::default());
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line_and_a_suggestion() {
        let problems = parse_text("[node]\nbnd = \"127.0.0.1:104\"\n").unwrap_err();
        assert_eq!((problems[0].key.as_str(), problems[0].line), ("node.bnd", Some(2)));
        assert!(problems[0].message.contains("\"bind\""), "{}", problems[0].message);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let text = "[node]\nassociations = 0\nmax_pdu_length = 7\n[[application_entity]]\ntitle = \"\"\n";
        let keys: Vec<String> = parse_text(text).unwrap_err().into_iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["node.max_pdu_length", "node.associations", "application_entity[0].title"]);
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let overrides = [
            ("RESETRAY__NODE__BIND".to_owned(), "127.0.0.1:4242".to_owned()),
            ("RESETRAY__COMPLETENESS__QUIET_SECONDS".to_owned(), "7".to_owned()),
        ];
        let config = parse("[node]\nbind = \"127.0.0.1:104\"\n", overrides.into_iter()).unwrap();
        assert_eq!(config.node.bind.port(), 4242);
        assert_eq!(config.completeness.quiet_seconds, 7);
    }

    #[test]
    fn the_environment_names_the_application_entity_with_and_without_a_file() {
        let title = || [("RESETRAY__APPLICATION_ENTITY__TITLE".to_owned(), "CT_MEASURE".to_owned())].into_iter();
        let first = |config: Config| config.application_entity[0].title.clone();
        assert_eq!(first(parse("", title()).unwrap()), "CT_MEASURE");
        let config = parse("[[application_entity]]\ntitle = \"A\"\n[[application_entity]]\ntitle = \"B\"\n", title());
        let config = config.unwrap();
        assert_eq!((config.application_entity.len(), first(config).as_str()), (2, "CT_MEASURE"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_names_its_key() {
        let problems = parse_text("[node]\nassociations = \"many\"\n").unwrap_err();
        assert_eq!((problems[0].key.as_str(), problems[0].line), ("node.associations", Some(2)));
    }
}
